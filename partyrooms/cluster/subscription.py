"""One gateway's route to one room, at the owner: its sockets, and its events."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from partyrooms.cluster.audience import ClusterAudience
from partyrooms.cluster.encoding import decode_event, unreadable
from partyrooms.cluster.remote_socket import RemoteSocket
from partyrooms.cluster.replies import Replies
from partyrooms.core.delivery_log import Mark
from partyrooms.core.frames import Profile
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire import to_gateway, to_room
from partyrooms.core.wire.codec import encode_message
from partyrooms.exceptions import GatewayLost, MailboxFull
from partyrooms.runtime import events
from partyrooms.runtime.worker import Worker


class Subscription:
    """
    One join of a gateway's route to a room; a ``Gateway``, and a ``RemoteGateway``.

    Attributes:
        route: The gateway's number of the route.
        is_current: The route has not joined anew since, or left.

    Args:
        join: The gateway's request.
        worker: Runs the room.
        audience: The room's.
        replies: Tell the gateway what becomes of its requests.
        on_parted: Called when the room is not the route's any more.
    """

    def __init__(
        self,
        join: to_room.Join,
        worker: Worker,
        audience: ClusterAudience,
        replies: Replies,
        on_parted: Callable[["Subscription"], None],
    ) -> None:
        self.link = replies.link
        self.route = join.route
        self.join = join.join
        self.is_current = True
        self.is_open = False
        self.handled_count = 0
        self.sockets: dict[int, RemoteSocket] = {}
        self.worker = worker
        self.promise = replies.promise
        self._audience = audience
        self._on_parted = on_parted
        self._reported = 0
        for seat in join.seats:
            self.add_socket(seat.socket, seat.profile).is_accepted = True

    @property
    def key(self) -> RoomKey:
        """The room."""
        return self.worker.key

    def add_socket(self, number: int, profile: Profile) -> RemoteSocket:
        """The gateway has a socket in the room, or one that asks to be let in."""
        socket = self.sockets[number] = RemoteSocket(
            number, self.link.node, profile, send=self._send, sockets=self.sockets
        )
        return socket

    # From the room

    def open(self, epoch: int) -> None:
        """The room runs here, in this epoch."""
        self.is_open = True
        self._post(self._encode(to_gateway.Joined, epoch=epoch))

    def mark(self, mark: Mark, size: int) -> None:
        """A turn begins; so many messages of it follow."""
        self._reported = self.handled_count = mark.handled
        self._post(self._encode(to_gateway.Marked, mark=mark, size=size))

    def handled(self) -> None:
        """One more event of this route was handled; sent once for many."""
        delivery_log = self._audience.delivery_log
        if delivery_log is not None and delivery_log.is_sending:
            return  # The turn's mark includes it.
        if self._reported == self.handled_count:
            asyncio.get_running_loop().call_soon(self._report_handled)
        self.handled_count += 1

    def part(self, kind: type[to_gateway.ToGateway], **values: Any) -> None:
        """Send why the room is not this route's any more, as the last message."""
        self._audience.remove(self)
        if self._reported != self.handled_count:
            self._report_handled()  # Else the next owner would handle it again.
        self._send(kind, **values)
        self.is_current = False
        self._on_parted(self)

    def turn_away(self) -> None:
        """The room cannot be run here."""
        self.part(to_gateway.Refused)

    def _report_handled(self) -> None:
        self._reported = self.handled_count
        self._send(to_gateway.Handled, count=self.handled_count)

    def _send(self, kind: type[to_gateway.ToGateway], **values: Any) -> None:
        self._audience.send([self], partial(self._post, self._encode(kind, **values)))

    def _encode(self, kind: type[to_gateway.ToGateway], **values: Any) -> bytes:
        return encode_message(kind(route=self.route, join=self.join, **values))

    def _post(self, message: bytes) -> None:
        if self.is_current:
            self.link.post(message)

    # From the gateway

    def receive(self, message: to_room.ToRoom) -> None:
        """Give an event to the room's worker."""
        if isinstance(message, to_room.Probe):
            self.worker.probe(message.chain)
            return
        # Events are counted in their order, also those that come to nothing.
        try:
            event = decode_event(message, self) or events.NoOp()
        except Exception as error:  # it comes from elsewhere
            event = unreadable(message, self, error)
        if isinstance(event, events.Request):
            event = self._admitted(event)
        event.receipt = (Subscription.handled, self, self.link.node)
        self.worker.put(event)

    def _admitted(self, request: events.Request) -> events.Event:
        """A request; or what stands for one that is turned away at once."""
        try:
            self.worker.mailbox.require_space()
            self.worker.mailbox.require_time()
        except MailboxFull as error:
            request.abandon(error)
            return events.NoOp()
        return request

    def lose(self, *, is_dead: bool) -> None:
        """The gateway is gone, or what was under way to it: its sockets are over."""
        self.is_current = False
        self._audience.remove(self)
        if self._audience.delivery_log is not None:
            self._audience.delivery_log.leave(self, is_dead=is_dead)
            self.worker.put(events.NoOp())  # a turn, so that it is stored
        for socket in tuple(self.sockets.values()):
            socket.is_gone = True
            if self.worker.knows(socket) and socket.closing is None:
                self.worker.trouble(socket, GatewayLost())
            self.worker.closed(socket, (1006, ""), False)
        self.sockets.clear()
