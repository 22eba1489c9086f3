"""Rows that hold wherever the room runs: in the process that is asked, or elsewhere."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from partyrooms import rpc
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
