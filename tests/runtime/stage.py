"""A node on a store that can be stopped at each of its calls, for the owner's tests."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from partyrooms.conf import get_settings
from partyrooms.server.node import Node
from partyrooms.server.nodes import use_node
from partyrooms.testing import RunningRoom
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.testing.timeline import FakeClock, Timeline
from tests.deadline import DEADLINE

PATIENCE = DEADLINE


async def patiently(awaitable):
    """What an awaitable gives, within reason."""
    async with asyncio.timeout(PATIENCE):
        return await awaitable


async def turns_of_the_loop(count=20):
    """Let everything that can happen now happen."""
    for _ in range(count):
        await asyncio.sleep(0)


class Hold:
    """A call that was stopped: ``reached`` when it came, ``go`` lets it on."""

    def __init__(self):
        self.reached = asyncio.Event()
        self.go = asyncio.Event()


class HeldStore(MemoryStore):
    """
    A memory store whose next call of a kind can be held before its work.

    Attributes:
        loses_reply: The answer to the next commit is lost, the work is done.
    """

    def __init__(self, tables=None):
        super().__init__(tables)
        self.loses_reply = False
        self._holds = {}

    def hold(self, name):
        """Hold the next call of the method with this name."""
        hold = self._holds[name] = Hold()
        return hold

    def let_go(self, name):
        """Hold no call of this method any more."""
        del self._holds[name]

    async def _pass(self, name):
        hold = self._holds.pop(name, None)
        if hold is not None:
            hold.reached.set()
            await hold.go.wait()

    async def claim(self, key, **named):
        await self._pass("claim")
        return await super().claim(key, **named)

    async def sizes(self, record):
        await self._pass("sizes")
        return await super().sizes(record)

    async def read(self, record, keys):
        await self._pass("read")
        return await super().read(record, keys)

    async def scan(self, record, span):
        await self._pass("scan")
        return await super().scan(record, span)

    async def commit(self, batch):
        await self._pass("commit")
        self.tables.lose_next_reply, self.loses_reply = self.loses_reply, False
        return await super().commit(batch)

    async def outcome(self, commit):
        await self._pass("outcome")
        return await super().outcome(commit)

    async def release(self, batch):
        await self._pass("release")
        return await super().release(batch)

    async def delete(self, claim):
        await self._pass("delete")
        return await super().delete(claim)


async def tell(client, what):
    """Put anything where a frame is, and wait until the room has handled it."""
    client._worker.message(client._socket, what)
    await client._worker.until_idle()


class Stage(RunningRoom):
    """The testing kit's room, with its parts in reach."""

    @property
    def node(self):
        return self._node

    @property
    def store(self):
        return self._node.store

    @property
    def worker(self):
        return self._worker

    async def hibernate(self):
        """Let any room leave memory while its connections stay open."""
        await self._worker.stop(None)
        await self._worker.until_idle()

    def put_in(self, client, message):
        """A frame comes; nobody waits for what becomes of it."""
        self._worker.message(client._socket, message)

    def pass_time(self, seconds):
        """Let time pass at once, whatever is under way."""
        self._node.rooms.sweep()
        self._timeline.clock.elapsed += seconds
        self._node.rooms.sweep()
        self._node.environment.timers.ring_due()


@asynccontextmanager
async def on_stage(room_class, room_id="test", *, tables=None, **settings):
    """Run a room on a store that can be held; plain hooks run in real threads."""
    clock = FakeClock()
    node = Node(
        HeldStore(tables),
        name="test",
        settings=replace(get_settings(), **settings),
        clock=clock.monotonic,
        wall_clock=clock.wall,
    )
    use_node(node)
    try:
        yield Stage(room_class, room_id, node, Timeline(node, clock, node.store))
    finally:
        await patiently(node.close())
        use_node(None)
