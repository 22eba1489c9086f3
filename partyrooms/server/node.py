"""The node: what runs rooms on one event loop, and everything that they share."""

import asyncio
import contextvars
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

from asgiref.sync import SyncToAsync

from partyrooms.cluster.local import LocalCluster
from partyrooms.conf import Settings
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.stream import StreamReader
from partyrooms.exceptions import RoomUnreachable
from partyrooms.nodes.lease import Lease
from partyrooms.ports.rooms import RoomInbox
from partyrooms.ports.sockets import Closing
from partyrooms.ports.store import Store
from partyrooms.runtime.cluster_port import Cluster
from partyrooms.runtime.committer import Committer
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.releaser import Releaser
from partyrooms.runtime.room_table import RoomTable
from partyrooms.runtime.threads import HookThreads, take_lane
from partyrooms.runtime.timers import NodeTimers
from partyrooms.runtime.watchdog import Watchdog
from partyrooms.runtime.worker import Worker
from partyrooms.server.giving_away import give_away
from partyrooms.server.locks import Locks
from partyrooms.usercode import Hook, InThread

FLUSH_TIME = 5.0
"""Seconds that a node which goes away waits for others to have what it sent."""

GOING_AWAY: Closing = (1012, "the server is restarting; come back")

MakeCluster = Callable[[Environment, RoomTable], Cluster]


def local_cluster(environment: Environment, rooms: RoomTable) -> Cluster:
    """Reach no other process."""
    return LocalCluster(rooms)


class Node:
    """
    Runs rooms: one for each event loop, made when the first event needs it.

    Attributes:
        environment: What its rooms share.
        rooms: Their workers.
        cluster: The way to rooms and sockets, here and in other processes.
        locks: Which rooms refuse newcomers.
        is_leaving: Its process is about to end: no socket and no stream begins.
        ended: Set when it owns nothing any more.

    Args:
        store: Where rooms are claimed and stored; the node closes it.
        name: What people are shown as a room's owner.
        settings: The project's.
        clock: Seconds that never run backwards.
        wall_clock: Seconds since 1970, to be shown to people.
        in_thread: Makes a coroutine function of a hook that is none, and leaves the
            async ORM where asgiref has it; None: both have threads of the node's, with
            database connections by Django's rules.
        cluster: Makes the cluster, once.
        lease: Until when its rooms may act; None: always.
        is_embedded: Its process serves nobody: rooms are better off elsewhere.
    """

    def __init__(
        self,
        store: Store,
        *,
        name: str,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        in_thread: InThread | None = None,
        cluster: MakeCluster = local_cluster,
        lease: Lease | None = None,
        is_embedded: bool = False,
    ) -> None:
        self._threads = HookThreads(settings.hook_timeout, clock)
        # Not the same: plain hooks may wait for coroutines that use the ORM.
        self._lanes = HookThreads(settings.hook_timeout, clock)
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.name = name
        self.settings = settings
        self.store = store
        self.clock = clock
        self.locks = Locks(store, clock)
        self.environment = Environment(
            name=name,
            settings=settings,
            store=store,
            committer=Committer(store, self.spawn),
            releaser=Releaser(store, self.spawn),
            lease=lease or Lease(),
            clock=clock,
            wall_clock=wall_clock,
            in_thread=in_thread or self._in_thread,
            lane=partial(take_lane, self._lanes) if in_thread is None else None,
            spawn=self.spawn,
            timers=NodeTimers(clock),
            is_embedded=is_embedded,
        )
        self.is_leaving = False
        self.ended = asyncio.Event()
        self.stream_readers: WeakSet[StreamReader] = WeakSet()
        self.rooms = RoomTable(self.environment)
        self.cluster = self.rooms.cluster = cluster(self.environment, self.rooms)
        self.watchdog = Watchdog(lambda: self.rooms.busy)

    def worker(self, key: RoomKey) -> Worker:
        """The one worker of a room; see ``RoomTable.worker``."""
        return self.rooms.worker(key)

    def inbox(self, key: RoomKey) -> RoomInbox:
        """The way into a room, wherever it runs."""
        return self.cluster.inbox(key)

    async def everywhere(self, name: str, arguments: Mapping[str, Any]) -> list[Any]:
        """
        Have one of ``runtime.everywhere`` done in all processes; their answers.

        Raises:
            RoomUnreachable: If a process did not answer, or none can be reached.
        """
        if self.environment.is_embedded and not self.cluster.has_peers:
            raise RoomUnreachable(
                "This process serves nobody, and reaches no other one: configure a "
                "channel layer in CHANNEL_LAYERS that they share."
            )
        return await self.cluster.everywhere(name, arguments)

    @property
    def is_over(self) -> bool:
        """Whether it owns nothing any more: the next event makes a new one."""
        return self.environment.is_over

    @property
    def is_serving(self) -> bool:
        """Whether it may own rooms, and act for them, now."""
        environment = self.environment
        is_leaving = environment.is_draining or environment.is_over
        return self.cluster.takes_rooms and environment.lease.holds() and not is_leaving

    def spawn(
        self,
        coroutine: Coroutine[Any, Any, None],
        *,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[None]":
        """Start a task that ends with the node at the latest."""
        task = self._loop.create_task(coroutine, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def lose(self) -> "asyncio.Task[None]":
        """
        Own nothing any more: the lease has ended, or may have.

        Returns:
            What ends with the last of this node; nobody has to wait for it.
        """
        self.environment.is_over = True
        self.ended.set()
        for worker in tuple(self.rooms.busy):
            worker.lose()
        self.cluster.close()
        return self._loop.create_task(self.close())

    async def drain(self, patience: float = 0.0) -> None:
        """
        Give every room away, with the sockets that are elsewhere, and take no more.

        Sockets of rooms that hibernate stay open and go on at rooms of other processes.
        Those of other rooms get 1012, room by room: their memory ends here.

        Args:
            patience: Seconds to wait for another process that takes the rooms, if there
                is none; they go on meanwhile.
        """
        self.environment.is_draining = True
        if self.environment.is_over:
            return
        await self.cluster.stop_taking_rooms()
        await self.cluster.wait_for_others(patience)
        while self.rooms.busy:
            await give_away(
                tuple(self.rooms.busy), self.cluster.is_outlived, GOING_AWAY
            )
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIME):
                await self.cluster.flush()

    async def close(self, patience: float = 0.0) -> None:
        """
        Give every room away or stop it, commit what is left and sign off.

        Args:
            patience: As in ``drain``.
        """
        if not self.environment.is_over:
            await self.drain(patience)
        self.environment.is_over = True
        self.cluster.close()
        self.watchdog.stop()
        await asyncio.gather(*(w.crash(GOING_AWAY) for w in tuple(self.rooms.busy)))
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.store.close()
        self._threads.shutdown(wait=False)
        self._lanes.shutdown(wait=False)

    def _in_thread(self, hook: Callable[..., Any]) -> Hook:
        # asgiref asks for a ThreadPoolExecutor, and uses what any executor has.
        threads: Any = self._threads
        return SyncToAsync(hook, thread_sensitive=False, executor=threads)
