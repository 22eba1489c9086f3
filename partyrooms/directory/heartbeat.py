"""The threads that keep a node's lease, watch the others, and notice its loss."""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread, current_thread
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import F

from partyrooms.core.liveness import Observations, fence_at, observe
from partyrooms.directory.process import boot_clock
from partyrooms.models import Node, RoomRecord

logger = logging.getLogger("partyrooms.directory")


class Heartbeat:
    """
    Renews one node's row, with threads and a connection of its own.

    A busy event loop is therefore no dead node. A second thread, which never touches
    the database, watches the deadline: a query that hangs cannot hide it.

    Args:
        node_id: Whose row.
        database: Its alias.
        interval: Seconds between renewals.
        lease_ttl: Seconds after which the others take a silent node for dead.
        is_gone: Whether a node of this host is certainly dead.
        is_over: Whether this node's own event loop is closed.
    """

    def __init__(
        self,
        node_id: UUID,
        *,
        database: str,
        interval: float,
        lease_ttl: float,
        is_gone: Callable[[Node], bool],
        is_over: Callable[[], bool],
    ) -> None:
        self._node_id = node_id
        self._database = database
        self._interval = interval
        self._lease_ttl = lease_ttl
        self._is_gone = is_gone
        self._is_over = is_over
        self._observations: Observations[UUID] = Observations()
        self._callbacks: (
            tuple[Callable[[list[int]], None], Callable[[], None]] | None
        ) = None
        self._fence_at: float | None = None
        self._lock = Lock()
        self._stop = Event()
        self._threads: list[Thread] = []

    def start(
        self,
        on_stop_request: Callable[[list[int]], None],
        on_lost: Callable[[], None],
    ) -> None:
        """Say whom to tell; the threads run once the row exists, too."""
        self._callbacks = (on_stop_request, on_lost)
        self._run_if_ready()

    def registered(self, sent_at: float) -> None:
        """Say that the row exists, and when its INSERT was sent."""
        self._fence_at = fence_at(sent_at, self._lease_ttl)
        self._run_if_ready()

    def close(self) -> None:
        """End the threads and wait for them; a query under way is let finish."""
        self._stop.set()
        for thread in self._threads:
            if thread is not current_thread():  # on_lost may close its own node
                thread.join()

    def _run_if_ready(self) -> None:
        with self._lock:
            if self._threads or self._callbacks is None or self._fence_at is None:
                return
            for name, work in (("heartbeat", self._beat), ("fence", self._watch)):
                thread = Thread(target=work, name=f"partyrooms-{name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(self._interval):
                if self._is_over():
                    self._stop.set()
                    return
                try:
                    self._poll()
                except (DatabaseError, InterfaceError) as error:
                    connections[self._database].close()
                    logger.warning(
                        "Node %s could not renew its lease: %s",
                        self._node_id,
                        error,
                        extra={"action": "renewal_failed"},
                    )
        finally:
            connections[self._database].close()

    def _poll(self) -> None:
        if not self._renew():
            self._lose("its row says that it is dead")
            return
        self._bury()
        requested = list(
            RoomRecord.objects.using(self._database)
            .filter(owner=self._node_id, stop_requested=True)
            .values_list("pk", flat=True)
        )
        if requested and self._callbacks is not None:
            self._callbacks[0](requested)

    def _renew(self) -> bool:
        sent_at = boot_clock()
        renewed = (
            Node.objects.using(self._database)
            .filter(pk=self._node_id, state=Node.State.ALIVE)
            .update(heartbeat=F("heartbeat") + 1)
        )
        if renewed:
            self._fence_at = fence_at(sent_at, self._lease_ttl)
        return renewed == 1

    def _bury(self) -> None:
        """Declare the dead dead, each by what its row held when it was judged."""
        others = {
            node.pk: node
            for node in Node.objects.using(self._database)
            .filter(state=Node.State.ALIVE)
            .exclude(pk=self._node_id)
        }
        self._observations, silent = observe(
            self._observations,
            {pk: node.heartbeat for pk, node in others.items()},
            now=boot_clock(),
            interval=self._interval,
            lease_ttl=self._lease_ttl,
        )
        gone = [pk for pk, node in others.items() if self._is_gone(node)]
        for pk in {*silent, *gone}:
            Node.objects.using(self._database).filter(
                pk=pk, heartbeat=others[pk].heartbeat, state=Node.State.ALIVE
            ).update(state=Node.State.DEAD)

    def _watch(self) -> None:
        while self._fence_at is not None:
            left = self._fence_at - boot_clock()
            if left <= 0:
                self._lose("its lease was not renewed in time")
                return
            # Waits at most an interval: a machine that slept may wake up late.
            if self._stop.wait(min(left, self._interval)):
                return

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
