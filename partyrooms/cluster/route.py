"""A gateway's way to one room, wherever its owner is, through every change of it."""

import asyncio
from functools import partial
from typing import Any
from weakref import WeakSet

from partyrooms.cluster.context import Context
from partyrooms.cluster.encoding import encode_or_fail
from partyrooms.cluster.link import Link
from partyrooms.cluster.owner_search import look_for_owner
from partyrooms.cluster.remote_socket import apply
from partyrooms.cluster.route_queue import RouteQueue
from partyrooms.cluster.session import end_room
from partyrooms.core.frames import Frame
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire import to_gateway, to_room
from partyrooms.core.wire.codec import encode_message
from partyrooms.exceptions import RoomStopped
from partyrooms.ports.rooms import Chain
from partyrooms.ports.sockets import Closing, Socket
from partyrooms.runtime.events import LOST_OUTPUTS, End, Event
from partyrooms.runtime.inbox import EventInbox
from partyrooms.runtime.mailbox import Mailbox
from partyrooms.runtime.starter import MOVED
from partyrooms.runtime.worker import Worker


class Route(EventInbox):
    """
    Takes a gateway's events to whoever owns the room; a ``RoomInbox``.

    Either a worker of this process handles them, or another process; in between they
    wait here. What another process was sent is kept until it was handled. When the
    owner dies, the sockets are closed, unless it is a ``RecoveringRoute``.

    Attributes:
        number: Its own in this process.
        join: How often it has turned to another process.
        worker: Handles its events; None: none of this process.
        link: The link with the owner; None: the owner is not elsewhere.
        refusals: How many owners in a row were found, and were none.
        group: Brings broadcasts of the owner elsewhere.
        queue: What waits for the owner, and what it has not handled.

    Args:
        key: The room.
        context: This process's.
        joined: Keeps the routes whose owners are elsewhere, by number.
    """

    def __init__(
        self, key: RoomKey, context: Context, joined: "dict[int, Route]"
    ) -> None:
        self.queue = RouteQueue(key, context.environment.settings.mailbox_size)
        super().__init__(key, self.queue)
        self.number = next(context.numbers)
        self.join = self.refusals = 0
        self.worker: Worker | None = None
        self.link: Link | None = None
        self._context = context
        self._joined = joined
        self._audience = context.local_audiences.of(key)
        self._epoch: int | None = None
        self._search: asyncio.Task[None] | None = None
        self.group = context.transport.membership(key.group_name)
        self._redirected_to: Link | None = None
        self._ended_by_room: WeakSet[Socket] = WeakSet()

    @property
    def taker(self) -> Worker | None:
        """The worker that takes events now; None: they wait here."""
        return self.worker

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is at an owner elsewhere."""
        return self.link is not None

    @property
    def entrance(self) -> Mailbox:
        """The owner's mailbox, if it is here; else where events wait for the owner."""
        taker = self.taker
        return self.queue if taker is None else taker.mailbox

    def put(self, event: Event) -> None:
        taker = self.taker
        if taker is None:
            if self.link is None and event.client() in self._ended_by_room:
                return  # The room has called on_close; it is not to be joined for it.
            self.queue.put(event)
            if self.link is not None:
                self.pump()
            elif self.worker is None:
                self.find()
        elif isinstance(event, End):
            self._context.environment.spawn(end_room(taker, event.delete, event.reply))
        else:
            taker.put(event)

    def message(self, socket: Socket, payload: str | bytes) -> bool:
        """A frame has come; the most frequent event, and most rooms are here."""
        if (taker := self.taker) is not None:
            return taker.message(socket, payload)
        return super().message(socket, payload)

    async def stop(self, *, delete: bool = False) -> None:
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.put(End(delete, reply))
        await asyncio.shield(reply)

    async def delete(self) -> None:
        await self.stop(delete=True)

    def probe(self, chain: Chain) -> None:
        if self.worker is not None:
            self.worker.probe(chain)
        elif self.link is not None and not self.link.is_full:
            self.send(to_room.Probe, chain=chain)

    # Finding an owner

    def find(self) -> None:
        """Look for the room's owner, or become it, unless that is under way."""
        if self._search is None or self._search.done():
            search = look_for_owner(
                self.key,
                self._context,
                is_over=lambda: self.worker is not None or self.link is not None,
                on_found=self.turn_to,
                on_failed=self.give_up,
                refusals=self.refusals,
            )
            self._search = self._context.environment.spawn(search)

    def turn_to(self, owner: Worker | Link) -> None:
        """An owner is found: let it have what waits."""
        if isinstance(owner, Link):
            self.follow(owner)
        else:
            self.worker = owner
            self.begin_here(owner)

    def begin_here(self, worker: Worker) -> None:
        """A worker of this process has the room: let it have what waits."""
        for event in self.queue.take_all():
            self.put(event)

    def follow(self, link: Link) -> None:
        """Turn to another process that has the room, or may have it."""
        self.unsettle()
        self._redirected_to = None
        self.link, self._epoch = link, None
        self.join += 1
        self._joined[self.number] = self
        self.begin_elsewhere()

    def begin_elsewhere(self) -> None:
        """Join the room with the open sockets, and send what waits."""
        self.queue.begin()
        there = (*self._audience.sockets(), *self.queue.left())
        seats = [to_room.Seat(socket=one.number, profile=one.profile) for one in there]
        party, room_id = self.key.party, self.key.room_id
        self.send(to_room.Join, party=party, room_id=room_id, seats=seats)
        self.group.wanted(bool(seats))
        self.pump()

    def redirect(self, link: Link, *, at_once: bool) -> None:
        """Join the process that has claimed the room, ``at_once`` if the owner died."""
        if self.link is not None and not at_once:  # Its last messages may be under way.
            self._redirected_to = link
        else:
            self.part()
            self.follow(link)

    def unsettle(self) -> None:
        """Know no owner any more; what was not handled waits again."""
        self.forget_owner()
        self._joined.pop(self.number, None)
        self.queue.resend()

    def forget_owner(self) -> None:
        """Know no owner any more, and change nothing else."""
        self.worker = None
        if self.link is not None:
            self.link = None
            self.group.wanted(False)

    def take_back(self, waiting: list[Event], *, refused: bool = False) -> None:
        """A worker of this process gives back what it did not handle."""
        self.worker = None
        self.refusals += refused
        self.queue.put_back(waiting)
        if self.link is not None:  # Another process has the room, and what was sent.
            self.pump()
        elif self.queue.waiting:
            self.find()

    def needs_owner(self) -> None:
        """Look for an owner if somebody is there to need one."""
        if self._redirected_to is not None:
            self.follow(self._redirected_to)
        elif self.queue.waiting or self.queue.unhandled or self._audience.sockets():
            self.find()

    # To and from an owner elsewhere

    def send(self, kind: type[to_room.ToRoom], **values: Any) -> None:
        """Send a message to the owner, if it is elsewhere."""
        if self.link is not None:
            message = kind(route=self.number, join=self.join, **values)
            self.link.send(encode_message(message))

    def pump(self) -> None:
        """Send what waits, as far as the link has space."""
        number = partial(self._context.pending.add, self)
        while self.queue.waiting and self.link is not None and not self.link.is_full:
            event = self.queue.waiting.popleft()
            address = {"route": self.number, "join": self.join}
            message = encode_or_fail(event, address, number, self.key)
            if message is None:  # the owner does not count it either
                self.queue.done(event)
            else:
                self.queue.unhandled.append(event)
                self.link.send(message)

    def receive(self, message: to_gateway.ToGateway) -> None:
        """Do what the room's owner sends."""
        match message:
            case to_gateway.ToSocket(socket=number):
                socket = self._context.sockets.get(number)
                if socket is not None:
                    if isinstance(message, to_gateway.Close) and message.drop:
                        self._ended_by_room.add(socket)
                    apply(socket, message)
                    if isinstance(message, to_gateway.Accept):
                        self.group.wanted(True)
            case to_gateway.Handled(count=count):
                self.confirm(count)
            case to_gateway.Joined(epoch=epoch):
                self._epoch, self.refusals = epoch, 0
            case to_gateway.Lost():
                self.broken(is_dead=True)
            case to_gateway.Refused():
                self.refusals += 1
                self.unsettle()
                self.needs_owner()
            case to_gateway.HandedOver(asleep=asleep):
                self.unsettle()
                if self.queue.waiting or self._redirected_to or not asleep:
                    self.needs_owner()

    def broadcast(self, message: to_gateway.Broadcast) -> None:
        """Queue a frame at this process's sockets, unless it is of another life."""
        if message.epoch == self._epoch:
            without = frozenset(message.without)
            self._audience.broadcast((Frame(message.payload), without))

    def confirm(self, count: int) -> None:
        """So many events of this join were handled."""
        self.queue.confirm(count)
        self.pump()

    # The end of an owner, or of this process

    def broken(self, *, is_dead: bool) -> None:
        """Everything under way to and from the owner is lost."""
        if is_dead:
            self.part()
        else:
            self.lose(LOST_OUTPUTS)
        self.needs_owner()

    def part(self) -> None:
        """The owner is gone, and with it what was under way."""
        if self.link is not None:
            self.lose(MOVED)

    def end(self, closing: Closing) -> None:
        """This process reaches nobody any more: neither do its sockets."""
        self.lose(closing)
        self.queue.abandon(RoomStopped(f"{self.key} cannot be reached any more."))

    def give_up(self, error: Exception) -> None:
        """No owner was found: nothing that waits will be handled."""
        self.queue.abandon(error)

    def lose(self, closing: Closing) -> None:
        """Close the sockets, and give up what was sent and not handled."""
        for socket in self._audience.sockets():
            socket.drop(closing)
        unhandled = self.queue.take_unhandled()
        if self.worker is None:
            self.unsettle()
        stopped = RoomStopped(f"{self.key} has lost its owner.")
        for event in unhandled:
            event.abandon(stopped)
        self._context.pending.fail(self, stopped)
