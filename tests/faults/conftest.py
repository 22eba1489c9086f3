"""Servers to be maltreated, and a room on each that must not notice."""

import re

import pytest

from tests.servers.fixtures import (  # noqa: F401
    define,
    hasty,
    kind,
    server,
    servers,
    tight,
    visitor,
)
from tests.servers.visitor import Room, visit

# What partyrooms itself logs; servers and Django have loggers of their own.
RECORD = re.compile(r"record (WARNING|ERROR|CRITICAL) partyrooms")


class Bystander:
    """
    A room of somebody else on the same server, with one client.

    Args:
        room: Its address.
        socket: The client.
    """

    def __init__(self, room, socket):
        self.server = room.visitor.server
        self.pid = self.server.pid
        self.room = room
        self.socket = socket
        self._lines = len(self.server.log)

    async def has_not_noticed(self):
        """Its socket, its state and its process are what they were."""
        assert await self.socket.ask("still there?") == "still there?"
        assert await self.room.data() == {"connections": 1, "lives": 1}
        assert (self.server.is_running, self.server.pid) == (True, self.pid)

    async def records(self):
        """
        What partyrooms has logged meanwhile, from warnings on.

        Without the watchdog's: it names what keeps the loop for 0.6 s, which
        on a machine with other work may be anything.
        """
        lines = await self.room.visitor.whole_log(since=self._lines)
        records = [line for line in lines if RECORD.match(line)]
        return [line for line in records if "[loop_blocked]" not in line]


class Quiet(Room):
    """Echoes; counts its connections and its lives."""

    lives = 0

    async def on_start(self):
        type(self).lives += 1

    async def on_message(self, message, sender):
        sender.send(message)

    async def on_request(self, request):
        return {
            "connections": len(list(self.get_connections())),
            "lives": self.lives,
        }


@pytest.fixture
async def bystander(server):  # noqa: F811
    """On the usual server."""
    async with visit(server) as other:
        room = await other.define(Quiet)
        yield Bystander(room, await room.join("bystander"))


@pytest.fixture
async def hasty_bystander(hasty):  # noqa: F811
    """On the server with short times."""
    async with visit(hasty.server) as other:
        room = await other.define(Quiet)
        yield Bystander(room, await room.join("bystander"))
