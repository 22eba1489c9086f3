"""Rows that hold wherever the room runs: in the process that is asked, or elsewhere."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from partyrooms import Reject, disconnect_user, parties, rpc, send_to_user
from tests.servers.database import execute
from tests.servers.visitor import Room, visit

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


@pytest.fixture
async def spread(pair, place):
    """Define a class; three of its rooms run, in both processes; one place asks."""
    owner, asker = pair if place == "elsewhere" else pair[::-1]
    async with visit(owner) as there, visit(asker) as here:

        async def spread(room_class):
            rooms = [await one.define(room_class) for one in (there, here)]
            assert rooms[0].party == rooms[1].party
            return [*rooms, rooms[0].other()]

        yield spread


class Speaker(Room):
    """Has things done everywhere, and says what came of it."""

    hibernate = True

    async def on_message(self, message, sender):
        self.broadcast(message)

    async def on_close(self, connection):
        self.storage.put("closed", [connection.close_code, connection.close_reason])

    async def on_request(self, request):
        party = parties[self.party]
        match request.subpath:
            case "/say":
                return {"rooms": await party.broadcast(request.data)}
            case "/running":
                return await party.running()
            case "/send":
                user_id, text, only = request.data
                return {"sockets": await send_to_user(user_id, text, party=only)}
            case "/disconnect":
                return {"sockets": await disconnect_user(request.data, 4403, "out")}
        return await self.storage.get("closed")


async def test_p8_all_rooms_that_run(spread, pair):
    """In both processes, with their connections; none is started; in rooms' order."""
    first, second, third = await spread(Speaker)
    alice, bob = await first.join("alice"), await second.join("bob")
    carol = await second.visitor.room(first.party, first.room_id).join("carol")
    await second.visitor.room(third.party, third.room_id).join("dora")

    running = await second.data(path="/running")

    counts = {one["room_id"]: one["connections"] for one in running}
    expected = {first.room_id: 2, second.room_id: 1, third.room_id: 1}
    assert counts == expected
    assert len({one["owner"] for one in running}) == 2
    await alice.send("before")
    assert await alice.receive() == await carol.receive() == "before"
    assert await first.data("POST", "/say", json="hear") == {"rooms": 3}
    for socket in (alice, bob, carol):
        assert await socket.receive() == "hear"
    unknown = first.other()
    rows = "SELECT room_id FROM partyrooms_roomrecord WHERE party = ?"
    known = {one for (one,) in execute(pair[0].database, rows, first.party)}
    assert known == {*expected} - {unknown.room_id}


async def test_p9_all_sockets_of_a_user(spread, pair):
    """In all rooms and processes; nobody else's; each room hears of the end."""
    first, second, _ = await spread(Speaker)
    user = await first.visitor.login("ada")
    alice = await first.join("alice")
    await second.visitor.login("ada")
    elsewhere = second.visitor.room(first.party, first.room_id)
    also = [await elsewhere.join("also"), await second.join("third")]
    stranger = await first.other().visitor.connect(
        first.other().target("stranger"), headers={"Cookie": ""}
    )
    headers = {"X-CSRFToken": user["csrf"]}

    async def ask(path, value):
        return await first.data("POST", path, json=value, headers=headers)

    sent = await ask("/send", [user["id"], "psst", first.party])
    assert sent == {"sockets": 3}
    assert [await one.receive() for one in (alice, *also)] == ["psst"] * 3
    assert await ask("/send", [user["id"], "psst", "chat-room"]) == {"sockets": 0}
    assert await ask("/send", ["nobody", "psst", None]) == {"sockets": 0}
    assert await ask("/disconnect", user["id"]) == {"sockets": 3}
    for one in (alice, *also):
        assert await one.closed() == (4403, "out")
    while await first.data() is None:  # noqa: ASYNC110 - another process stores it
        await asyncio.sleep(0.05)
    assert await first.data() == [4403, "out"]
    assert stranger.close_code is None
