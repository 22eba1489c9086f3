"""The thread that keeps a node's lease, watches the others, and notices its loss."""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread, current_thread
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import F

from partyrooms.core.liveness import Observations, fence_at, observe
from partyrooms.models import Node, RoomRecord
from partyrooms.nodes.death import declare_dead, is_gone
from partyrooms.nodes.process import boot_clock, host, is_process_stopped
from partyrooms.nodes.sessions import Sessions
from partyrooms.nodes.writers import writing

logger = logging.getLogger("partyrooms.nodes")

RETRIES = 8
"""
How often, in each interval, a renewal on SQLite is tried again that has failed.

Each waits as long for the file's lock, so that a heartbeat can be ended soon.
"""


class Heartbeat:
    """
    Renews one node's row, with a thread and a connection of its own.

    A busy event loop is therefore no dead node. What the lease allows is judged where
    it is used, by the clock: a query that hangs cannot hide that it is over.

    Args:
        node_id: Whose row.
        sessions: Where this thread's session comes from.
        database: Its alias.
        interval: Seconds between renewals.
        lease_ttl: Seconds after which the others take a silent node for dead.
        is_over: Whether this node's own event loop is closed.
        on_lease: Called with each time until which this node may act.
    """

    def __init__(
        self,
        node_id: UUID,
        *,
        sessions: Sessions,
        database: str,
        interval: float,
        lease_ttl: float,
        is_over: Callable[[], bool],
        on_lease: Callable[[float], None],
    ) -> None:
        self._on_lease = on_lease
        self._node_id = node_id
        self._sessions = sessions
        self._database = database
        self._interval = interval
        self._lease_ttl = lease_ttl
        self._is_over = is_over
        self._observations: Observations[UUID] = Observations()
        self._others: dict[UUID, Node] = {}
        self._callbacks: (
            tuple[Callable[[list[int]], None], Callable[[], None]] | None
        ) = None
        self._is_registered = False
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None

    def start(
        self,
        on_stop_request: Callable[[list[int]], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Say whom to tell; the thread runs once the row exists, too."""
        self._callbacks = (on_stop_request, on_lost)
        self._run_if_ready()

    def registered(self, sent_at: float) -> None:
        """Say that the row exists, and when its INSERT was sent."""
        self._is_registered = True
        self._on_lease(fence_at(sent_at, self._lease_ttl))
        self._run_if_ready()

    def close(self) -> None:
        """End the thread and wait for it; a query under way is let finish."""
        self._stop.set()
        # on_lost may close its own node.
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join()

    def _run_if_ready(self) -> None:
        with self._lock:
            if self._thread or self._callbacks is None or not self._is_registered:
                return
            self._thread = Thread(
                target=self._beat, name="partyrooms-heartbeat", daemon=True
            )
            self._thread.start()

    def _beat(self) -> None:
        on_sqlite = connections[self._database].vendor == "sqlite"
        pause, failures = self._interval, 0
        try:
            while not self._stop.wait(pause):
                if self._is_over():
                    self._stop.set()
                elif self._try_to_poll(is_told=failures % RETRIES == 0):
                    pause, failures = self._interval, 0
                elif on_sqlite:
                    pause, failures = self._interval / RETRIES, failures + 1
        finally:
            connections[self._database].close()

    def _try_to_poll(self, *, is_told: bool) -> bool:
        try:
            with self._sessions.waiting():
                self._poll()
        except (DatabaseError, InterfaceError) as error:
            connections[self._database].close()
            # If this node could not renew, others may not have been able to.
            self._observations = Observations()
            if is_told:
                self._tell(error)
            return False
        return True

    def _tell(self, error: Exception) -> None:
        logger.warning(
            "Node %s could not renew its lease: %s",
            self._node_id,
            error,
            extra={"action": "renewal_failed"},
        )
        if "locked" not in str(error):
            return
        for node in self._others.values():
            if node.host == host() and is_process_stopped(node.pid, node.pid_started):
                logger.error(
                    "Process %d (node %s) is stopped and may hold the database's lock, "
                    "without which no process can write: let it go on (kill -CONT %d), "
                    "or end it (kill -9 %d)",
                    *(node.pid, node.pk, node.pid, node.pid),
                    extra={"action": "stopped_process"},
                )

    def _poll(self) -> None:
        # First: reading needs no lock, and tells which nodes may hold SQLite's.
        dead = self._find_dead()
        if not self._renew():
            self._lose("its row says that it is dead")
            return
        for node in dead:
            with writing(self._database):
                declare_dead(node, database=self._database)
        requested = list(
            RoomRecord.objects.using(self._database)
            .filter(owner=self._node_id, stop_requested=True)
            .values_list("pk", flat=True)
        )
        if requested and self._callbacks is not None:
            self._callbacks[0](requested)

    def _renew(self) -> bool:
        if connections[self._database].vendor == "sqlite":
            with connections[self._database].cursor() as cursor:
                patience = self._interval / RETRIES
                cursor.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
        row = Node.objects.using(self._database).filter(
            pk=self._node_id, state=Node.State.ALIVE
        )
        with writing(self._database, is_urgent=True):
            sent_at = boot_clock()
            renewed = row.update(heartbeat=F("heartbeat") + 1)
        if renewed:
            self._on_lease(fence_at(sent_at, self._lease_ttl))
        return renewed == 1

    def _find_dead(self) -> list[Node]:
        """The nodes to be declared dead, with their rows as they were judged."""
        self._others = {
            node.pk: node
            for node in Node.objects.using(self._database)
            .filter(state=Node.State.ALIVE)
            .exclude(pk=self._node_id)
        }
        self._observations, silent = observe(
            self._observations,
            {pk: node.heartbeat for pk, node in self._others.items()},
            now=boot_clock(),
            interval=self._interval,
            lease_ttl=self._lease_ttl,
        )
        gone = [pk for pk, node in self._others.items() if is_gone(node)]
        return [self._others[pk] for pk in {*silent, *gone}]

    def _lose(self, reason: str) -> None:
        with self._lock:
            if self._stop.is_set() or self._callbacks is None:
                return
            self._stop.set()
        logger.error(
            "Node %s gives up its rooms: %s",
            self._node_id,
            reason,
            extra={"action": "lease_lost"},
        )
        self._callbacks[1]()
