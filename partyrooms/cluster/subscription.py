"""One route of a peer to one room, at the owner: its sockets, and its events."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from partyrooms import exceptions
from partyrooms.cluster.remote_socket import RemoteSocket
from partyrooms.core import wire as wire
from partyrooms.core.delivery_log import Mark
from partyrooms.delivery.request_copy import restore_handshake, restore_request
from partyrooms.exceptions import ConnectionTrouble, GatewayLost
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.runtime import events
from partyrooms.runtime.events.alarm import AlarmEvent

if TYPE_CHECKING:
    from partyrooms.cluster.session import PeerSession
    from partyrooms.runtime.worker import Worker


class Subscription:
    """
    One peer's route to one room, at the owner.

    Attributes:
        peer: Whose.
        sockets: The peer's sockets in the room, by the peer's numbers.
        is_open: The peer knows of the room's present life.
        join: The route's count of its joins.
        handled_count: How many events of this join were handled.
    """

    def __init__(
        self, session: "PeerSession", join: wire.Join, worker: "Worker"
    ) -> None:
        self.link = session.link
        self.worker = worker
        self.is_open = False
        self.audience = session.audience_of(worker)
        self.sockets: dict[int, RemoteSocket] = {}
        self._session = session
        self._route = join.route
        self.join = join.join
        self.handled_count = 0
        self._told = 0
        for seat in join.seats:
            socket = self.sockets[seat.socket] = RemoteSocket(
                self, seat.socket, seat.profile
            )
            socket.is_accepted = True

    def send(self, kind: type[wire.Message], **values: Any) -> None:
        """Tell the gateway something, in its place within the turn that leaves."""
        message = wire.encode_message(kind(route=self._route, join=self.join, **values))
        delivery_log = self.audience.delivery_log
        if delivery_log is not None and delivery_log.is_leaving:
            delivery_log.keep([self], partial(self._post, message))
        else:
            self._post(message)

    def handled(self, _: None) -> None:
        """One more event of this route was handled; said once for many."""
        delivery_log = self.audience.delivery_log
        if delivery_log is not None and delivery_log.is_leaving:
            return  # The turn's mark says so.
        if self._told == self.handled_count:
            asyncio.get_running_loop().call_soon(self._tell)
        self.handled_count += 1

    def mark(self, mark: Mark, size: int) -> None:
        """A turn begins; so many messages of it follow."""
        self._told = self.handled_count = mark.handled
        marked = wire.Marked(
            route=self._route,
            join=self.join,
            turn=mark.turn,
            size=size,
            handled=mark.handled,
            news=mark.news,
        )
        self._post(wire.encode_message(marked))

    def open(self, epoch: int) -> None:
        """The room runs here, in this epoch."""
        self.is_open = True
        joined = wire.Joined(route=self._route, join=self.join, epoch=epoch)
        self._post(wire.encode_message(joined))

    def _tell(self) -> None:
        self._told = self.handled_count
        self.send(wire.Handled, count=self.handled_count)

    def _post(self, message: bytes) -> None:
        # Unless the gateway has joined anew since.
        if self._session.is_current(self):
            self._session.post(message)

    def turn_away(self) -> None:
        """The room cannot be run here."""
        self.audience.remove(self)
        self._session.turn_away(self)

    def receive(self, message: Any) -> None:
        """Give an event to the room's worker."""
        if isinstance(message, wire.Probe):
            self.worker.probe(message.chain)
            return
        if isinstance(message, wire.StopAsked):
            self._session.end(self, message)
        # Events are counted in their order, also those that come to nothing.
        event = self._as_event(message) or events.NoOp()
        event.receipt = (self.handled, None, self.link.node)
        self.worker.put(event)

    def _as_event(self, message: Any) -> Any:
        match message:
            case wire.Sent(socket=number, payload=payload):
                socket = self.sockets.get(number)
                return socket and events.Message(socket, payload)
            case wire.Opened(socket=number, profile=profile, request=copy):
                socket = self.sockets[number] = RemoteSocket(self, number, profile)
                context = ConnectionContext(restore_handshake(copy), copy.props)
                return events.Connect(socket, context, chain=message.chain)
            case wire.Ended(socket=number, code=code, reason=reason):
                socket = self.sockets.pop(number, None)
                if socket is None:
                    return None
                socket.is_gone = True
                return events.Closed(socket, (code, reason), message.was_clean)
            case wire.SocketFailed(socket=number, kind=kind, detail=detail):
                socket = self.sockets.get(number)
                return socket and events.SocketError(socket, _trouble(kind, detail))
            case wire.Asked(ask=ask, request=copy, chain=chain):
                request = restore_request(copy, self.worker.key)
                reply = self.promise(ask, wire.Answered)
                return events.Request(request, reply, chain=chain)
            case wire.Called(ask=ask, name=name, arguments=arguments, chain=chain):
                given = msgspec.msgpack.decode(arguments)
                reply = self.promise(ask, wire.Returned)
                return events.Call(name, given, reply, chain=chain)
            case wire.AlarmDue(ask=ask, at=at):
                return AlarmEvent(at, self.promise(ask, wire.Returned))
        return None

    def promise(self, ask: int, kind: type[wire.Reply]) -> "asyncio.Future[Any]":
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def tell(done: "asyncio.Future[Any]") -> None:
            # Whether or not the room is still here: somebody waits for this.
            self._session.answer(kind, ask, done)

        reply.add_done_callback(tell)
        return reply

    def lose(self, *, is_dead: bool) -> None:
        """The gateway is gone, or what was under way to it: its sockets are over."""
        self.audience.remove(self)
        if self.audience.delivery_log is not None:
            self.audience.delivery_log.leave(self, is_dead=is_dead)
            self.worker.put(events.NoOp())  # a turn, so that it is stored
        for socket in tuple(self.sockets.values()):
            socket.is_gone = True
            if self.worker.knows(socket) and socket.closing is None:
                self.worker.trouble(socket, GatewayLost())
            self.worker.closed(socket, (1006, ""), False)
        self.sockets.clear()


def _trouble(kind: str, detail: str) -> ConnectionTrouble:
    known = getattr(exceptions, kind, ConnectionTrouble)
    is_trouble = isinstance(known, type) and issubclass(known, ConnectionTrouble)
    return known(detail) if is_trouble else ConnectionTrouble(detail)
