"""The task that empties a room's mailbox, and rests in between."""

import asyncio
import contextvars
from abc import abstractmethod
from typing import TYPE_CHECKING

from partyrooms.core.keys import RoomKey
from partyrooms.ports.cluster import Socket
from partyrooms.runtime.events import Message
from partyrooms.runtime.mailbox import Mailbox

if TYPE_CHECKING:
    from partyrooms.server.node import Node


class Loop(Mailbox):
    """
    Empties a mailbox in a task that lasts as long as the room is in memory.

    Args:
        key: Which room.
        node: Where it runs.
    """

    def __init__(self, key: RoomKey, node: "Node") -> None:
        super().__init__(key, node.settings.mailbox_size)
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._stop_wanted = False
        self._resting: asyncio.Future[None] | None = None
        self._quiet_since = node.clock()

    @property
    @abstractmethod
    def _is_in_memory(self) -> bool:
        """Whether the room has a life, so that the task goes on."""

    @abstractmethod
    async def _work(self) -> None:
        """Handle what waits, as far as the rest of the process can wait for it."""

    @abstractmethod
    def _loop_begins(self, task: "asyncio.Task[None]") -> None:
        """The task is made, and has not run yet."""

    @abstractmethod
    def _loop_ended(self) -> None:
        """The task has ended, whatever way."""

    def message(self, socket: Socket, payload: str | bytes) -> bool:
        """A frame has come; the shortest way, for it is the most frequent event."""
        waiting = self._waiting
        waiting.append(Message(socket, payload))
        idle = self._idle
        if idle is not None:
            self._idle = None
            if not idle.done():  # cancelled, when the loop is about to end
                idle.set_result(None)
        elif self._task is None:
            self._wake()
        return len(waiting) >= self._capacity

    def _arrived(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            if not idle.done():
                idle.set_result(None)
        elif self._task is None:
            self._wake()

    def _wake(self) -> None:
        # In an empty context: whoever put the event in has nothing to do with it.
        self._task = self._loop.create_task(self._run(), context=contextvars.Context())
        self._loop_begins(self._task)

    async def _run(self) -> None:
        """Handle events as they come, until the room is not in memory any more."""
        lease = self._node.lease
        try:
            while self._waiting or self._stop_wanted or self._is_in_memory:
                if not self._waiting and not self._stop_wanted:
                    await self._rest()
                if not lease.holds():
                    await lease.held()
                await self._work()
        finally:
            self._task = self._idle = None
            self._tell_idle()
            self._loop_ended()

    async def _rest(self) -> None:
        """Wait for the next event; the task costs less than a new one each time."""
        self._quiet_since = self._node.clock()
        self._idle = idle = self._loop.create_future()
        self._tell_idle()
        await idle

    async def _until_resting(self) -> None:
        """Wait until no event waits or is being handled."""
        while self._task is not None and self._idle is None:
            if self._resting is None:
                self._resting = self._loop.create_future()
            await asyncio.shield(self._resting)

    def _tell_idle(self) -> None:
        tell(self._resting)
        self._resting = None


def tell(waiter: "asyncio.Future[None] | None") -> None:
    """Wake whoever waits; None: nobody does."""
    if waiter is not None:
        waiter.set_result(None)
