"""Rows that hold wherever the room runs: in the process that is asked, or elsewhere."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from partyrooms import Reject, rpc
from tests.servers.database import execute
from tests.servers.visitor import Room

pytestmark = pytest.mark.parametrize("place", ["here", "elsewhere"])


async def test_r31_one_rule_for_json(own):
    """Of messages, state, calls, props, requests and answers: Django's forms."""

    class Typed(Room):
        @staticmethod
        def values():
            at = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
            return {"at": at, "cost": Decimal("1.50"), "took": timedelta(seconds=2)}

        @classmethod
        async def on_before_connect(cls, request, lobby):
            request.props["typed"] = cls.values()

        async def on_connect(self, connection, ctx):
            connection.send_json(
                [ctx.props["typed"], connection.set_state(self.values())]
            )

        async def on_message(self, message, sender):
            other = self.parties[self.party].get(message)
            posted = await other.fetch("/", "POST", json=self.values())
            called = await other.call("echo", self.values())
            sender.send_json([self.values(), posted.data, called])
            self.broadcast_json(self.values())

        async def on_request(self, request):
            return [request.data, self.values()]

        @rpc
        def echo(self, value):
            return [value, self.values()]

    room = await own(Typed)
    alice = await room.join("alice")
    plain = {"at": "2026-03-01T12:30:00.123Z", "cost": "1.50", "took": "P0DT00H00M02S"}

    assert await alice.receive_json() == [plain, plain]
    await alice.send(room.other().room_id)
    assert await alice.receive_json() == [plain, [plain, plain], [plain, plain]]
    assert await alice.receive_json() == plain
    assert await room.data("POST", json=1) == [1, plain]


async def test_r29_answers_without_the_room(own):
    """A text that equals a key: no event, no rate; also behind a room's messages."""

    class Pinged(Room):
        auto_response = {"ping": "pong"}  # noqa: RUF012
        message_rate = "3/h"

        async def on_message(self, message, sender):
            sender.send(f"heard {message!r}")
            if message == "stub":
                async with self.parties[self.party].get("b").socket() as socket:
                    await socket.send("ping")
                    sender.send(await socket.receive())

    room = await own(Pinged)
    alice = await room.join("alice")
    for _ in range(10):
        assert await alice.ask("ping") == "pong"
    assert await alice.ask("ping ") == "heard 'ping '"
    assert await alice.ask(b"ping") == "heard b'ping'"
    assert await alice.ask("stub") == "heard 'stub'"
    assert await alice.receive() == "pong"
    assert await alice.ask("ping") == "pong"


async def test_r29_no_room_is_started(own, pair):
    """A room that hibernates stays so; the answer comes all the same."""

    class Sleeper(Room):
        hibernate = True
        auto_response = {"ping": "pong"}  # noqa: RUF012

        async def on_message(self, message, sender):
            sender.send(message)

    def row():
        columns = "SELECT owner_id, epoch FROM partyrooms_roomrecord WHERE room_id = ?"
        return execute(pair[0].database, columns, room.room_id)[0]

    room = await own(Sleeper)
    alice = await room.join("alice")
    await alice.ask("hi")
    while row()[0] is not None:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.05)
    asleep = row()

    assert [await alice.ask("ping") for _ in range(3)] == ["pong"] * 3
    assert row() == asleep
    assert await alice.ask("hi") == "hi"
    assert row()[1] == asleep[1] + 1


async def test_b11_a_before_hook_sends_to_another_room(own):
    """By a stub: with its props; the other room's own before-hooks are not asked."""

    class Sharded(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            if lobby.room_id == "front":
                request.props["via"] = lobby.room_id
                return lobby.parties[cls.party].get(request.GET["shard"])
            raise Reject(reason="ask at the front")

        @classmethod
        def on_before_request(cls, request, lobby):
            if lobby.room_id == "front":
                request.props["via"] = lobby.room_id
                return lobby.parties[cls.party].get(request.GET["shard"])

        async def on_connect(self, connection, ctx):
            connection.send_json([self.id, ctx.props["via"], connection.uri])

        async def on_message(self, message, sender):
            self.broadcast(f"{self.id}: {message}")

        async def on_request(self, request):
            return [self.id, request.props, request.subpath]

    room = await own(Sharded, starts=False)
    front, shard = room.other("front"), room.room_id
    socket = await front.join("alice", path="/x", query={"shard": shard})
    uri = f"{front.path}/x?_pk=alice&shard={shard}"
    assert await socket.receive_json() == [shard, "front", uri]
    assert await socket.ask("hi") == f"{shard}: hi"

    asked = await front.data("GET", "/x?shard=" + shard)
    assert asked == [shard, {"via": "front"}, "/x"]
    refused = await room.join("bob")
    assert await refused.closed() == (4401, "ask at the front")


async def test_b11_the_other_class_decides(own):
    """Its limits and its policy; what it lacks is 404, and a bad stub an error."""

    class Front(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            return lobby.parties["chat-room"].get(lobby.room_id)

        @classmethod
        async def on_before_request(cls, request, lobby):
            if request.method == "POST":
                return lobby.parties["chat-room"]
            return lobby.parties["chat-room"].get(lobby.room_id)

    room = await own(Front, starts=False)

    assert await room.data() == {"party": "chat-room"}
    assert (await room.request("POST")).status_code == 500
    alice = await room.join("alice")
    await alice.close()
