"""Clients of one room over processes, and what each of them must be told."""

import asyncio
from collections import Counter
from contextlib import suppress

from partyrooms import Room
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import StoreUnavailable
from partyrooms.testing.memory_store import MemoryStore
from tests.cluster.world import Socket

KEY = RoomKey("route-model", "one")

STEPS = ("commit", "release", "locate", "places", "claim", "sizes", "read")

CAN_FAIL = STEPS[:4]
"""The others give up what waits for the room, as the changelog says."""

CUT = "\ud83d"
"""Text that cannot be sent to another process."""


class Ledger(Room):
    """Counts how often it stores each operation, and numbers what it broadcasts."""

    party = "route-model"
    hibernate = True

    async def count(self, name):
        number = await self.storage.get(name, 0) + 1
        self.storage.put(name, number)
        return number

    async def on_connect(self, connection, ctx):
        await self.count(f"in:{connection.id}")
        connection.send(f"from {await self.storage.get('tells', 0)}")

    async def on_message(self, message, sender):
        kind, _, operation = message.partition(" ")
        if kind != "say":
            await self.count(operation)
        if kind == "sync":
            await self.storage.sync()
        if kind == "tell":
            self.broadcast(f"told {await self.count('tells')}")
        sender.send(message)

    async def on_close(self, connection):
        await self.count(f"out:{connection.id}")

    async def on_request(self, request):
        await self.count(request.data["text"])
        await self.storage.sync()
        return {}


class FaultyStore(MemoryStore):
    """
    A store of which some calls take time, or fail before or after their work.

    Args:
        faults: By method: when (before, after), and seconds; None fails.
    """

    def __init__(self, faults, tables, **named):
        super().__init__(tables, **named)
        self.faults = faults

    async def meet(self, name, when):
        if self.faults.get(name, ("",))[0] != when:
            return
        seconds = self.faults.pop(name)[1]
        if seconds is None:
            raise StoreUnavailable(f"{name} fails {when} its work, as asked.")
        await asyncio.sleep(seconds)


def _faulty(name):
    method = getattr(MemoryStore, name)

    async def call(self, *args, **named):
        await self.meet(name, "before")
        result = await method(self, *args, **named)
        await self.meet(name, "after")
        return result

    return call


for step in STEPS:
    setattr(FaultyStore, step, _faulty(step))


class Client:
    """
    A socket, and the reference: what was sent on it, in order.

    Attributes:
        excuse: Why its socket may be closed: its process ended, or an output of a
            killed owner may have been lost.
    """

    def __init__(self, node, name):
        self.node = node
        self.name = name
        self.sent, self.echoes, self.tells = [], [], []
        self.since = self.code = self.excuse = None
        self.has_left = False
        self.socket = Socket(node, name, KEY)

    @property
    def is_open(self):
        return self.code is None and not self.has_left

    def send(self, message):
        self.sent.append(message)
        self.socket.send(message)

    def leave(self):
        self.hear()
        if self.is_open:
            self.has_left = True
            self.socket.leave()

    def hear(self):
        """Take what has come; a closed socket's end is reported, as gateways do."""
        with suppress(asyncio.QueueEmpty):
            while True:
                self._take(self.socket._events.get_nowait())

    def _take(self, event):
        text = event.get("text", "")
        if event["type"] == "websocket.close":
            self.code = event["code"]
            if not self.has_left:
                self.socket.leave()
        elif text.startswith("from "):
            assert self.since is None, f"{self.name} was let in twice"
            self.since = int(text.removeprefix("from "))
        elif text.startswith("told "):
            self.tells.append(int(text.removeprefix("told ")))
        elif text:
            self.echoes.append(text)

    def has_all(self):
        """Whether everything that it awaits has come."""
        self.hear()
        is_answered = self.since is not None and self.echoes == self.sent
        return not self.is_open or is_answered

    def check(self, stored, tells):
        """What it was told is a piece of what is stored, whole if it is still here."""
        self.hear()
        assert self.echoes == self.sent[: len(self.echoes)], self.describe()
        if self.since is not None:
            heard = range(self.since + 1, self.since + 1 + len(self.tells))
            assert self.tells == list(heard), self.describe()
        if self.code is not None:
            assert self.excuse is not None, self.describe()
        elif not self.has_left:
            assert self.since is not None, self.describe()
            assert self.echoes == self.sent, self.describe()
            assert self.since + len(self.tells) == tells, self.describe()
        self._check_stored(stored)

    def _check_stored(self, stored):
        written = [one.partition(" ")[2] for one in self.sent if one[:3] != "say"]
        counts = [stored[one] for one in written]
        assert set(counts) <= {0, 1}, f"stored twice: {self.describe()}"
        assert counts == sorted(counts, reverse=True), self.describe()
        echoed = [one.partition(" ")[2] for one in self.echoes if one[:3] != "say"]
        assert all(stored[one] for one in echoed), self.describe()
        came, went = stored[f"in:{self.name}"], stored[f"out:{self.name}"]
        assert max(came, went) <= 1, self.describe()
        if self.has_left and self.excuse is None:
            assert came == went, f"on_close: {self.describe()}"

    def describe(self):
        return (
            f"{self.name}: since {self.since}, sent {self.sent}, heard {self.echoes}, "
            f"{self.tells}, code {self.code}, left {self.has_left}, {self.excuse}"
        )


def counts_of(entries, decode):
    """How often each operation is stored."""
    return Counter({key.decode(): decode(value) for key, value in entries.items()})
