"""The owner's side of one peer's routes: its sockets, and their events, for workers."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from partyrooms import exceptions
from partyrooms.bus.contract import Closing
from partyrooms.bus.copies import restore_handshake, restore_request
from partyrooms.bus.peer import Peer
from partyrooms.bus.replies import reply_item
from partyrooms.bus.streams import Outflows
from partyrooms.connection import Connection, ConnectionContext
from partyrooms.core import items
from partyrooms.core.keys import RoomKey
from partyrooms.core.messages import Frame, Profile
from partyrooms.exceptions import (
    BadRoomId,
    ConnectionTrouble,
    GatewayLost,
    PartyroomsError,
)
from partyrooms.owner import events
from partyrooms.owner.ring import Ring

if TYPE_CHECKING:
    from partyrooms.bus.audience import RoomAudience
    from partyrooms.bus.layer import LayerBus
    from partyrooms.owner.worker import Worker

logger = logging.getLogger("partyrooms.bus")


class RemoteLine:
    """A socket in another process, as its room sees it; a ``Line``."""

    __slots__ = (
        *("profile", "connection", "closing", "number"),
        *("is_accepted", "is_gone", "is_dropped"),
        "_berth",
    )

    def __init__(self, berth: "Berth", number: int, profile: Profile) -> None:
        self.profile = profile
        self.number = number
        self.connection: Connection | None = None
        self.closing: Closing | None = None
        self.is_accepted = False
        self.is_gone = False
        self.is_dropped = False
        self._berth = berth

    def accept(self, tags: tuple[str, ...]) -> None:
        """Answer the handshake; from now on the socket is in its room's audience."""
        self.profile.tags = tags
        self.is_accepted = True
        self._berth.send(items.Accept, line=self.number, tags=tags)

    def send(self, frame: Frame) -> None:
        """Queue a frame."""
        self._berth.send(items.Send, line=self.number, payload=frame.payload)

    def keep(self, state: bytes | None) -> None:
        """Keep the connection's state."""
        self.profile.state = state
        self._berth.send(items.Keep, line=self.number, state=state)

    def close(self, closing: Closing) -> None:
        """Close the socket behind what is queued; its end will be reported."""
        if self.closing is None:
            self._close(closing, drop=False)

    def drop(self, closing: Closing) -> None:
        """Close the socket, accepted or not, without wanting to hear of its end."""
        self.is_dropped = self.is_gone = True
        self._close(closing, drop=True)
        self._berth.lines.pop(self.number, None)

    def _close(self, closing: Closing, *, drop: bool) -> None:
        self.closing = closing
        code, reason = closing
        self._berth.send(
            items.Close, line=self.number, code=code, reason=reason, drop=drop
        )


class Berth:
    """
    One peer's route to one room, at the owner.

    Attributes:
        peer: Whose.
        lines: The peer's sockets in the room, by the peer's numbers.
        is_open: The peer knows of the room's present life.
    """

    def __init__(self, dock: "Dock", join: items.Join, worker: "Worker") -> None:
        self.peer = dock.peer
        self.worker = worker
        self.is_open = False
        self.audience = dock.audience_of(worker)
        self.lines: dict[int, RemoteLine] = {}
        self._dock = dock
        self._route = join.route
        self._join = join.join
        self._handled = 0
        self._told = 0
        for seat in join.seats:
            line = self.lines[seat.line] = RemoteLine(self, seat.line, seat.profile)
            line.is_accepted = True

    def send(self, kind: type[items.Item], **values: Any) -> None:
        """Tell the gateway something, unless it has joined anew since."""
        if self._dock.is_current(self):
            self._dock.send(kind(route=self._route, join=self._join, **values))

    def handled(self, _: None) -> None:
        """One more event of this route was handled; said once for many."""
        if self._told == self._handled:
            asyncio.get_running_loop().call_soon(self._tell)
        self._handled += 1

    def _tell(self) -> None:
        self._told = self._handled
        self.send(items.Handled, count=self._handled)

    def open(self, epoch: int) -> None:
        """The room runs here, in this epoch."""
        self.is_open = True
        self.send(items.Joined, epoch=epoch)

    def turn_away(self) -> None:
        """The room cannot be run here."""
        self.audience.unmoor(self)
        self._dock.turn_away(self)

    def receive(self, item: Any) -> None:
        """Give an event to the room's worker."""
        if isinstance(item, items.StopAsked):
            self._dock.end(self, item)
            self.handled(None)
            return
        if isinstance(item, items.Probe):
            self.worker.probe(item.chain)
            return
        event = self._as_event(item)
        if event is None:
            self.handled(None)
            return
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

    def lose(self) -> None:
        """The gateway is gone, or what was under way to it: its sockets are over."""
        for line in tuple(self.lines.values()):
            line.is_gone = True
            if line.connection is not None and line.closing is None:
                self.worker.trouble(line, GatewayLost())
            self.worker.closed(line, (1006, ""), False)
        self.lines.clear()


class Dock:
    """
    Everything that one peer's gateways ask of this process's rooms.

    Args:
        peer: Whose.
        bus: Has the workers.
    """

    def __init__(self, peer: Peer, bus: "LayerBus") -> None:
        self.peer = peer
        self._bus = bus
        self._berths: dict[int, Berth] = {}
        self.streams = Outflows(self)

    def join(self, item: items.Join) -> None:
        """Let a route reach its room here, if the room can be here."""
        try:
            key = RoomKey(item.party, item.room_id)
        except BadRoomId:
            self.refuse(item)
            return
        if not self._bus.placement.takes_rooms and not self._bus.runs(key):
            self.refuse(item)
            return
        worker = self._bus.node.worker(key)
        berth = self._berths[item.route] = Berth(self, item, worker)
        berth.audience.moor(berth)
        worker._put(events.Arrival(berth))

    def receive(self, item: Any) -> None:
        """Give an event of a route to its room; one of an earlier join is void."""
        berth = self._berths.get(item.route)
        if berth is not None and berth._join == item.join:
            berth.receive(item)

    def is_current(self, berth: Berth) -> bool:
        """Whether a berth's route has not joined anew, or left."""
        return self._berths.get(berth._route) is berth

    def leave(self, berth: Berth, *, asleep: bool) -> None:
        """Tell a route that its room is given up here."""
        berth.send(items.HandedOver, asleep=asleep)
        if self.is_current(berth):
            del self._berths[berth._route]

    def lost(self, berth: Berth) -> None:
        """Tell a route that its room was lost, and what was under way with it."""
        berth.send(items.Lost)
        if self.is_current(berth):
            del self._berths[berth._route]

    def turn_away(self, berth: Berth) -> None:
        """Tell a route that its room cannot be run here."""
        berth.send(items.Refused)
        if self.is_current(berth):
            del self._berths[berth._route]

    def audience_of(self, worker: "Worker") -> "RoomAudience":
        """All sockets of a room; whoever asks keeps it."""
        return self._bus.audience(worker.key)

    def end(self, berth: Berth, item: items.StopAsked) -> None:
        """Stop or delete a berth's room, and say when it is done."""
        reply = berth.promise(item.ask, items.Returned)
        self._bus.spawn(end_room(berth.worker, item.delete, reply))

    def answer(
        self, kind: type[items.Reply], ask: int, done: "asyncio.Future[Any]"
    ) -> None:
        """Say what became of a question, and let a stream follow that it promises."""
        reply = reply_item(kind, ask, done)
        self.send(reply)
        if isinstance(reply, items.Answered) and done.result().stream is not None:
            self.streams.begin(ask, done.result().stream)

    def refuse(self, item: items.Join) -> None:
        """Tell a route that its room cannot be here."""
        self.send(items.Refused(route=item.route, join=item.join))

    def send(self, item: Any) -> None:
        """Put an item on the link; one that is full is given up, sockets and all."""
        if self.peer.is_full:
            self._bus.hub.break_link(self.peer)
            return
        self.peer.send(items.encode_item(item))

    def lose(self) -> None:
        """The peer is gone: so are its sockets and the readers of streams."""
        self.streams.lose()
        berths = tuple(self._berths.values())
        self._berths.clear()
        for berth in berths:
            berth.audience.unmoor(berth)
            berth.lose()


async def end_room(
    worker: "Worker", delete: bool, reply: "asyncio.Future[Any]"
) -> None:
    """Stop or delete a room of this process; the reply tells how it went."""
    try:
        await (worker.delete() if delete else worker.stop())
    except PartyroomsError as error:
        if not reply.done():
            reply.set_exception(error)
    else:
        if not reply.done():
            reply.set_result(None)


def _trouble(kind: str, detail: str) -> ConnectionTrouble:
    known = getattr(exceptions, kind, ConnectionTrouble)
    is_trouble = isinstance(known, type) and issubclass(known, ConnectionTrouble)
    return known(detail) if is_trouble else ConnectionTrouble(detail)
