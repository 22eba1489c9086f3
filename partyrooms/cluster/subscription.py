"""One route of a peer to one room, at the owner: its sockets, and its events."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from partyrooms import exceptions
from partyrooms.cluster.remote_socket import RemoteLine
from partyrooms.core import wire as items
from partyrooms.core.recovery import Mark
from partyrooms.delivery.request_copy import restore_handshake, restore_request
from partyrooms.exceptions import ConnectionTrouble, GatewayLost
from partyrooms.runtime import events
from partyrooms.runtime.connection import ConnectionContext
from partyrooms.runtime.events.alarms import Ring

if TYPE_CHECKING:
    from partyrooms.cluster.session import Dock
    from partyrooms.runtime.worker import Worker


class Berth:
    """
    One peer's route to one room, at the owner.

    Attributes:
        peer: Whose.
        lines: The peer's sockets in the room, by the peer's numbers.
        is_open: The peer knows of the room's present life.
        join: The route's count of its joins.
        handled_count: How many events of this join were handled.
    """

    def __init__(self, dock: "Dock", join: items.Join, worker: "Worker") -> None:
        self.peer = dock.peer
        self.worker = worker
        self.is_open = False
        self.audience = dock.audience_of(worker)
        self.lines: dict[int, RemoteLine] = {}
        self._dock = dock
        self._route = join.route
        self.join = join.join
        self.handled_count = 0
        self._told = 0
        for seat in join.seats:
            line = self.lines[seat.line] = RemoteLine(self, seat.line, seat.profile)
            line.is_accepted = True

    def send(self, kind: type[items.Item], **values: Any) -> None:
        """Tell the gateway something, in its place within the turn that leaves."""
        item = items.encode_item(kind(route=self._route, join=self.join, **values))
        account = self.audience.account
        if account is not None and account.is_leaving:
            account.keep([self], partial(self._post, item))
        else:
            self._post(item)

    def handled(self, _: None) -> None:
        """One more event of this route was handled; said once for many."""
        account = self.audience.account
        if account is not None and account.is_leaving:
            return  # The turn's mark says so.
        if self._told == self.handled_count:
            asyncio.get_running_loop().call_soon(self._tell)
        self.handled_count += 1

    def mark(self, mark: Mark, size: int) -> None:
        """A turn begins; so many items of it follow."""
        self._told = self.handled_count = mark.handled
        marked = items.Marked(
            route=self._route,
            join=self.join,
            turn=mark.turn,
            size=size,
            handled=mark.handled,
            news=mark.news,
        )
        self._post(items.encode_item(marked))

    def open(self, epoch: int) -> None:
        """The room runs here, in this epoch."""
        self.is_open = True
        joined = items.Joined(route=self._route, join=self.join, epoch=epoch)
        self._post(items.encode_item(joined))

    def _tell(self) -> None:
        self._told = self.handled_count
        self.send(items.Handled, count=self.handled_count)

    def _post(self, item: bytes) -> None:
        # Unless the gateway has joined anew since.
        if self._dock.is_current(self):
            self._dock.post(item)

    def turn_away(self) -> None:
        """The room cannot be run here."""
        self.audience.unmoor(self)
        self._dock.turn_away(self)

    def receive(self, item: Any) -> None:
        """Give an event to the room's worker."""
        if isinstance(item, items.Probe):
            self.worker.probe(item.chain)
            return
        if isinstance(item, items.StopAsked):
            self._dock.end(self, item)
        # Events are counted in their order, also those that come to nothing.
        event = self._as_event(item) or events.Void()
        event.receipt = (self.handled, None)
        self.worker._put(event)

    def _as_event(self, item: Any) -> Any:
        match item:
            case items.Sent(line=number, payload=payload):
                line = self.lines.get(number)
                return line and events.Message(line, payload)
            case items.Opened(line=number, profile=profile, request=copy):
                line = self.lines[number] = RemoteLine(self, number, profile)
                context = ConnectionContext(restore_handshake(copy), copy.props)
                return events.Connect(line, context, chain=item.chain)
            case items.Ended(line=number, code=code, reason=reason):
                line = self.lines.pop(number, None)
                if line is None:
                    return None
                line.is_gone = True
                return events.Closed(line, (code, reason), item.was_clean)
            case items.Troubled(line=number, kind=kind, detail=detail):
                line = self.lines.get(number)
                return line and events.Trouble(line, _trouble(kind, detail))
            case items.Asked(ask=ask, request=copy, chain=chain):
                request = restore_request(copy, self.worker.key)
                reply = self.promise(ask, items.Answered)
                return events.Request(request, reply, chain=chain)
            case items.Called(ask=ask, name=name, arguments=arguments, chain=chain):
                given = msgspec.msgpack.decode(arguments)
                reply = self.promise(ask, items.Returned)
                return events.Call(name, given, reply, chain=chain)
            case items.Rung(ask=ask, at=at):
                return Ring(at, self.promise(ask, items.Returned))
        return None

    def promise(self, ask: int, kind: type[items.Reply]) -> "asyncio.Future[Any]":
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def tell(done: "asyncio.Future[Any]") -> None:
            # Whether or not the room is still here: somebody waits for this.
            self._dock.answer(kind, ask, done)

        reply.add_done_callback(tell)
        return reply

    def lose(self, *, is_dead: bool) -> None:
        """The gateway is gone, or what was under way to it: its sockets are over."""
        self.audience.unmoor(self)
        if self.audience.account is not None:
            self.audience.account.leave(self, is_dead=is_dead)
            self.worker._put(events.Void())  # a turn, so that it is stored
        for line in tuple(self.lines.values()):
            line.is_gone = True
            if line.connection is not None and line.closing is None:
                self.worker.trouble(line, GatewayLost())
            self.worker.closed(line, (1006, ""), False)
        self.lines.clear()


def _trouble(kind: str, detail: str) -> ConnectionTrouble:
    known = getattr(exceptions, kind, ConnectionTrouble)
    is_trouble = isinstance(known, type) and issubclass(known, ConnectionTrouble)
    return known(detail) if is_trouble else ConnectionTrouble(detail)
