"""Rows that hold wherever the room runs: in the process that is asked, or elsewhere."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from partyrooms import rpc
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
