"""What all rooms of one node share."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from partyrooms.conf import Settings
from partyrooms.nodes.lease import Lease
from partyrooms.ports.store import Store
from partyrooms.runtime.committer import Committer
from partyrooms.runtime.releaser import Releaser
from partyrooms.runtime.timers import NodeTimers
from partyrooms.usercode import InThread


class Spawn(Protocol):
    """Starts a task that ends with the node at the latest."""

    def __call__(
        self,
        coroutine: Coroutine[Any, Any, None],
        *,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[None]": ...


@dataclass(slots=True, kw_only=True)
class Environment:
    """
    What all rooms of one node share.

    Attributes:
        name: What people are shown as a room's owner.
        settings: The project's.
        store: Where rooms are claimed and stored.
        committer: Writes for all rooms.
        releaser: Gives them up.
        lease: Until when rooms may act.
        clock: Seconds that never run backwards.
        wall_clock: Seconds since 1970, to be shown to people.
        in_thread: Makes a coroutine function of a hook that is none.
        lane: Gives the running task a thread for its thread-sensitive calls, such as
            the async ORM's; None: they run where asgiref says.
        spawn: Starts a task of the node's.
        timers: Those of all rooms.
        is_embedded: The process serves nobody (a command's, a task queue's): rooms
            are better off elsewhere.
        is_draining: The node gives its rooms away and takes no more.
        is_over: The node owns nothing any more.
    """

    name: str
    settings: Settings
    store: Store
    committer: Committer
    releaser: Releaser
    lease: Lease
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    in_thread: InThread
    lane: Callable[[], Awaitable[None]] | None
    spawn: Spawn
    timers: NodeTimers
    is_embedded: bool = False
    is_draining: bool = False
    is_over: bool = False

    async def take_lane(self) -> None:
        """Let the running task's thread-sensitive calls wait for no other task's."""
        if self.lane is not None:
            await self.lane()
