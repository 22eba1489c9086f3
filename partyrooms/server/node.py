"""The node: what runs rooms on one event loop, and everything that they share."""

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any
from uuid import uuid4
from weakref import WeakSet, WeakValueDictionary

from channels.db import DatabaseSyncToAsync

from partyrooms.cluster.cluster import LayerCluster, shared_layer
from partyrooms.cluster.local import LocalCluster
from partyrooms.cluster.transport import channel_of
from partyrooms.conf import Settings, get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.delivery.stream import StreamReader
from partyrooms.nodes import Directory
from partyrooms.nodes.lease import Lease
from partyrooms.ports.cluster import Cluster
from partyrooms.ports.store import Store
from partyrooms.runtime.committer import Committer
from partyrooms.runtime.lifecycle import STOPPED, Lifecycle
from partyrooms.runtime.threads import HookThreads
from partyrooms.runtime.watchdog import Watchdog
from partyrooms.runtime.worker import Worker
from partyrooms.server.alarm_poller import AlarmPoller
from partyrooms.server.cron_poller import CronPoller
from partyrooms.server.nodes import existing_node as existing_node
from partyrooms.server.nodes import forget_node
from partyrooms.server.nodes import nodes as nodes
from partyrooms.server.nodes import use_node as use_node
from partyrooms.store.database import DatabaseStore
from partyrooms.usercode import Hook, InThread

logger = logging.getLogger("partyrooms.runtime")

MAX_SWEEP_INTERVAL = 1.0
"""Seconds between two looks at hooks that run too long and rooms that are idle."""

FLUSH_TIME = 5.0
"""Seconds that a node which goes away waits for others to have what it sent."""

GOING_AWAY = (1012, "the server is restarting; come back")


class Node:
    """
    Runs rooms: one for each event loop, made when the first event needs it.

    Args:
        store: Where rooms are claimed and stored; the node closes it.
        name: What people are shown as a room's owner.
        settings: The project's.
        clock: Seconds that never run backwards.
        wall_clock: Seconds since 1970, to be shown to people.
        in_thread: Makes a coroutine function of a hook that is none; None: each call
            has a thread, with a database connection by Django's rules.
        cluster: Makes the cluster, once.
        lease: Until when its rooms may act; None: always.
        is_guest: Its process serves nobody: rooms are better off elsewhere.
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
        cluster: Callable[["Node"], Cluster] = LocalCluster,
        lease: Lease | None = None,
        is_embedded: bool = False,
    ) -> None:
        self.is_embedded = is_embedded
        self.lease = lease or Lease()
        self.store = store
        self.name = name
        self.settings = settings
        self.clock = clock
        self.wall_clock = wall_clock
        self.is_draining = False
        self.is_leaving = False
        self.sockets: WeakSet[LocalSocket] = WeakSet()
        self.stream_readers: WeakSet[StreamReader] = WeakSet()
        self.committer = Committer(store, self.spawn)
        self._threads = HookThreads(settings.hook_timeout, clock)
        self.in_thread = in_thread or self._in_thread
        self.busy: set[Worker] = set()
        self.kept_workers: set[Lifecycle] = set()
        self.is_over = False
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._workers: WeakValueDictionary[RoomKey, Worker] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self.watchdog = Watchdog(self)
        self.cluster = cluster(self)

    def worker(self, key: RoomKey) -> Worker:
        """
        The one worker of a room.

        It lives while it runs the room, or while somebody holds it; until then this
        gives the same one.
        """
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = Worker(key, self)
        return worker

    @property
    def is_serving(self) -> bool:
        """Whether it may own rooms, and act for them, now."""
        is_leaving = self.is_draining or self.is_over
        return self.cluster.takes_rooms and self.lease.holds() and not is_leaving

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

    def sweep(self) -> None:
        """Cancel hooks that run too long, and let idle rooms leave memory."""
        now = self.clock()
        for worker in tuple(self.busy):
            worker.sweep(now)
            if worker.life is not None:
                worker.life.gate.release()

    async def keep_sweeping(self) -> None:
        """Sweep until cancelled."""
        timeouts = self.settings
        interval = min(
            MAX_SWEEP_INTERVAL,
            timeouts.hook_timeout / 4,
            timeouts.idle_timeout / 4,
            timeouts.hibernate_after / 4,
        )
        while True:
            await asyncio.sleep(interval)
            self.sweep()

    def stop_records(self, records: Iterable[int]) -> None:
        """Stop the rooms with these primary keys: somebody asked for it."""
        wanted = set(records)
        for worker in tuple(self.busy):
            if worker.life is not None and worker.life.claim.record in wanted:
                self.spawn(worker.stop(STOPPED))

    def lose(self) -> "asyncio.Task[None]":
        """
        Own nothing any more: the lease has ended, or may have.

        Returns:
            What ends with the last of this node; nobody has to wait for it.
        """
        self.is_over = True
        self.ended.set()
        for worker in tuple(self.busy):
            worker.lose()
        self.cluster.close()
        forget_node(self, self._loop)  # The next event makes a new one.
        return self._loop.create_task(self.close())

    async def drain(self, patience: float = 0.0) -> None:
        """
        Give every room away, with the sockets that are elsewhere, and take no more.

        Its own sockets go on, at rooms of other processes. Without others the rooms
        are stopped: sockets get 1012. Those of rooms that hibernate stay in any case.

        Args:
            patience: Seconds to wait for another process that takes the rooms, if there
                is none; they go on meanwhile.
        """
        self.is_draining = True
        if self.is_over:
            return
        await self.cluster.stop_taking_rooms()
        await self.cluster.wait_for_others(patience)
        while self.busy:
            await asyncio.gather(
                *(
                    one.stop(None if self.cluster.is_outlived(one.key) else GOING_AWAY)
                    for one in tuple(self.busy)
                )
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
        if not self.is_over:
            await self.drain(patience)
        self.is_over = True
        forget_node(self, self._loop)
        self.cluster.close()
        self.watchdog.stop()
        await asyncio.gather(*(w.crash(GOING_AWAY) for w in tuple(self.busy)))
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.store.close()
        self._threads.shutdown(wait=False)

    def _in_thread(self, hook: Callable[..., Any]) -> Hook:
        call: Hook = DatabaseSyncToAsync(
            hook, thread_sensitive=False, executor=self._threads
        )
        return call


def current_node() -> Node:
    """The running event loop's node, made and started if there is none."""
    return existing_node() or start_node()


async def keep_node() -> None:
    """Have a node, and another one whenever it is lost, until cancelled."""
    while True:
        await current_node().ended.wait()


def start_node(
    *, is_worker: bool = False, is_embedded: bool = False, keeps_time: bool = True
) -> Node:
    """
    Make and start the running event loop's node.

    Args:
        is_worker: It may own rooms whatever ``OWNERS`` says.
        is_guest: It owns rooms only where nobody else does; see ``server.host``.
        keeps_time: It rings alarms and runs crons, if it may own rooms.
    """
    loop = asyncio.get_running_loop()
    settings = get_settings()
    node_id = uuid4()
    layer = shared_layer(settings.channel_layer)
    lease = Lease()
    takes_rooms = is_worker or settings.owners == "any"
    directory = Directory(
        node_id,
        database=settings.database,
        heartbeat_interval=settings.heartbeat_interval,
        lease_ttl=settings.lease_ttl,
        on_lease=lease.extend,
        channel="" if layer is None else channel_of(node_id),
        takes_rooms=takes_rooms and not is_embedded,
    )

    def cluster(node: Node) -> Cluster:
        if layer is None:
            return LocalCluster(node)
        return LayerCluster(
            node, node_id, layer, owners=settings.owners, takes_rooms=takes_rooms
        )

    store = DatabaseStore(directory, idle_timeout=settings.lease_ttl / 2)
    node = Node(
        store,
        name=str(node_id),
        settings=settings,
        cluster=cluster,
        lease=lease,
        is_embedded=is_embedded,
    )
    use_node(node)
    directory.start_heartbeat(
        on_stop_request=lambda records: _tell(loop, node.stop_records, records),
        on_lost=lambda: _tell(loop, node.lose),
    )
    node.spawn(node.keep_sweeping())
    if keeps_time:
        node.spawn(AlarmPoller(node).keep_polling())
        node.spawn(CronPoller(node).keep_polling())
    node.watchdog.start()
    node.cluster.start()
    return node


def _tell(
    loop: asyncio.AbstractEventLoop, what: Callable[..., object], *args: Any
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what, *args)
