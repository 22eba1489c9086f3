"""A node's own row, and what is certain about the rows of others."""

import asyncio
import logging
import os
from collections.abc import Callable
from threading import Lock
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections, transaction

from partyrooms.models import Node, RoomRecord
from partyrooms.nodes.heartbeat import Heartbeat
from partyrooms.nodes.process import (
    boot_clock,
    host,
    is_process_gone,
    start_mark,
)

logger = logging.getLogger("partyrooms.nodes")

# The nodes of this process that run, with their event loops (None: made without one).
# The pid says nothing about them: it lives on when one loop ends and another begins.
_running: dict[UUID, asyncio.AbstractEventLoop | None] = {}


class Directory:
    """
    One node's membership: registered at its first claim, renewed until ``close()``.

    Make it on the event loop whose rooms it stands for: when that loop is closed, the
    node counts as dead, in this process at once. All methods block and may be called
    from any thread.

    Args:
        node_id: A new one for each life of a node.
        database: The alias of the database that the nodes share.
        heartbeat_interval: Seconds between renewals.
        lease_ttl: Seconds after which the others take a silent node for dead.
        on_lease: Called, in any thread, with each time by ``boot_clock`` until which
            the node may act.
        channel: Where others reach it in the channel layer; empty: nowhere.
        takes_rooms: Whether others may place rooms here.
    """

    def __init__(
        self,
        node_id: UUID,
        *,
        database: str,
        heartbeat_interval: float,
        lease_ttl: float,
        on_lease: Callable[[float], None] = lambda until: None,
        channel: str = "",
        takes_rooms: bool = True,
    ) -> None:
        self.channel = channel
        self.takes_rooms = takes_rooms
        self.node_id = node_id
        self.database = database
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        _running[node_id] = loop
        self._heartbeat = Heartbeat(
            node_id,
            database=database,
            interval=heartbeat_interval,
            lease_ttl=lease_ttl,
            is_gone=is_gone,
            is_over=lambda: loop is not None and loop.is_closed(),
            on_lease=on_lease,
        )
        self._lock = Lock()
        self._registered = False
        self._closed = False

    def register(self) -> None:
        """
        Make this node's row, once; later calls do nothing.

        Raises:
            DatabaseError: If the database refused; call it again.
            RuntimeError: If the directory is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("This node is closed; its process needs a new one.")
            if self._registered:
                return
            sent_at = boot_clock()
            with transaction.atomic(using=self.database):
                nodes = Node.objects.using(self.database)
                nodes.filter(state=Node.State.DEAD, rooms=None).delete()
                # It may exist: the answer to an earlier attempt was lost.
                nodes.get_or_create(
                    pk=self.node_id,
                    defaults={
                        "host": host(),
                        "pid": os.getpid(),
                        "pid_started": start_mark(os.getpid()),
                        "channel": self.channel,
                        "takes_rooms": self.takes_rooms,
                    },
                )
            self._registered = True
            self._heartbeat.registered(sent_at)
        # At once: alarms of their rooms may be due, and nobody else may be there.
        for node in nodes.filter(state=Node.State.ALIVE, host=host()):
            if node.pk != self.node_id and self.is_gone(node):
                self.declare_dead(node)

    def start_heartbeat(
        self,
        on_stop_request: Callable[[list[int]], None],
        on_lost: Callable[[], None],
    ) -> None:
        """
        Renew the row from now on, or from when it is registered.

        Both callbacks are called in threads of the directory; they must not raise.

        Args:
            on_stop_request: Gets the primary keys of own rooms that are to stop, with
                each heartbeat until they are released.
            on_lost: Called once, when this node must own nothing any more: its row
                says that it is dead.
        """
        self._heartbeat.start(on_stop_request, on_lost)

    def stop_taking_rooms(self) -> None:
        """Let nobody place rooms here any more: this process is going away."""
        self.takes_rooms = False
        Node.objects.using(self.database).filter(pk=self.node_id).update(
            takes_rooms=False
        )

    def is_gone(self, node: Node) -> bool:
        """Whether a node is certainly dead, whatever its row says."""
        return is_gone(node)

    def declare_dead(self, node: Node) -> bool:
        """Mark a node dead, unless it has renewed its row since it was read."""
        return declare_dead(node)

    def close(self) -> None:
        """
        End the heartbeat, give up every room and remove the row; a second call does
        nothing. A database that is away is left as it is: the lease ends by itself.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._heartbeat.close()
        _running.pop(self.node_id, None)
        if not self._registered:
            return
        try:
            with transaction.atomic(using=self.database):
                RoomRecord.objects.using(self.database).filter(
                    owner=self.node_id
                ).update(owner=None, stop_requested=False)
                Node.objects.using(self.database).filter(pk=self.node_id).delete()
        except (DatabaseError, InterfaceError) as error:
            connections[self.database].close()
            logger.warning(
                "Could not sign off node %s; its lease ends by itself: %s",
                self.node_id,
                error,
                extra={"action": "sign_off_failed"},
            )


def is_gone(node: Node) -> bool:
    """
    Whether a node is certainly dead, whatever its row says; False when in doubt.

    Only a node of this host can be told: its process is gone, or it is this process
    and the node's event loop is closed.
    """
    if node.host != host():
        return False
    if node.pid == os.getpid() and node.pid_started == start_mark(node.pid):
        if node.pk not in _running:
            return True
        loop = _running[node.pk]
        return loop is not None and loop.is_closed()
    return is_process_gone(node.pid, node.pid_started)


def declare_dead(node: Node) -> bool:
    """Mark a node dead, unless it has renewed its row since it was read."""
    marked = (
        Node.objects.using(node._state.db)
        .filter(pk=node.pk, heartbeat=node.heartbeat, state=Node.State.ALIVE)
        .update(state=Node.State.DEAD)
    )
    return marked == 1


def is_live(node: Node | None) -> bool:
    """Whether a room with this owner may be running: it is not known to be dead."""
    return node is not None and node.state == Node.State.ALIVE and not is_gone(node)
