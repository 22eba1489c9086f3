"""A node's own row in the database, from its first claim to its end."""

import logging
import os
from collections.abc import Callable
from threading import Lock
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections, transaction

from partyrooms.models import Node, RoomRecord
from partyrooms.nodes.death import closed, declare_dead, is_gone, opened
from partyrooms.nodes.heartbeat import Heartbeat
from partyrooms.nodes.process import boot_clock, host, start_mark
from partyrooms.nodes.sessions import Sessions
from partyrooms.nodes.writers import writing

logger = logging.getLogger("partyrooms.nodes")


class Membership:
    """
    One node among others: registered at its first claim, renewed until ``close()``.

    Make it on the event loop whose rooms it stands for: when that loop is closed, the
    node counts as dead, in this process at once. All methods block and may be called
    from any thread.

    Attributes:
        sessions: Those of the node's own threads.

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
        self.sessions = Sessions(database, patience=lease_ttl / 2)
        loop = opened(node_id)
        self._heartbeat = Heartbeat(
            node_id,
            sessions=self.sessions,
            database=database,
            interval=heartbeat_interval,
            lease_ttl=lease_ttl,
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
            RuntimeError: If this node is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("This node is closed; its process needs a new one.")
            if self._registered:
                return
            sent_at = boot_clock()
            nodes = Node.objects.using(self.database)
            with (
                writing(self.database, is_urgent=True),
                transaction.atomic(using=self.database),
            ):
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
        # At once: alarms of their rooms may be due, and no other node may be there.
        for node in nodes.filter(state=Node.State.ALIVE, host=host()):
            if node.pk != self.node_id and is_gone(node):
                with writing(self.database, is_urgent=True):
                    declare_dead(node, database=self.database)

    def start_heartbeat(
        self,
        on_stop_request: Callable[[list[int]], None],
        on_lost: Callable[[], None],
    ) -> None:
        """
        Renew the row from now on, or from when it is registered.

        Both callbacks are called in other threads; they must not raise.

        Args:
            on_stop_request: Gets the primary keys of own rooms that are to stop, with
                each heartbeat until they are released.
            on_lost: Called once, when this node must own nothing any more: its row
                says that it is dead.
        """
        self._heartbeat.start(on_stop_request, on_lost)

    def stop_taking_rooms(self) -> None:
        """Take no more rooms from others: this process is going away."""
        self.takes_rooms = False
        with writing(self.database, is_urgent=True):
            Node.objects.using(self.database).filter(pk=self.node_id).update(
                takes_rooms=False
            )

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
        closed(self.node_id)
        if self._registered:
            self._sign_off()
        self.sessions.close()

    def _sign_off(self) -> None:
        try:
            with (
                self.sessions.waiting(),
                writing(self.database),
                transaction.atomic(using=self.database),
            ):
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
