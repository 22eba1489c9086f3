"""A gateway's way to one room, wherever its owner is, through every change of it."""

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from partyrooms import registry
from partyrooms.bus.contract import Line
from partyrooms.bus.copies import copy_handshake, copy_request
from partyrooms.bus.dock import end_room
from partyrooms.bus.hub import GroupMembership
from partyrooms.bus.peer import Peer
from partyrooms.core import items
from partyrooms.core.keys import RoomKey
from partyrooms.core.messages import Frame
from partyrooms.exceptions import (
    RoomStopped,
    RoomUnreachable,
    StoreUnavailable,
)
from partyrooms.owner import events
from partyrooms.owner.mailbox import Mailbox
from partyrooms.owner.ring import Ring

if TYPE_CHECKING:
    from partyrooms.bus.layer import LayerBus
    from partyrooms.gateway.outbox import Outbox
    from partyrooms.owner.worker import Worker

logger = logging.getLogger("partyrooms.bus")

LOST_PLAIN = (1012, "the room has moved; come back")
LOST_OUTPUTS = (3010, "messages were lost; come back")

SEARCH_DELAYS = (0.0, 0.05, 0.1, 0.2, 0.5)
"""Seconds before another look for an owner; the last one again and again."""

SEARCH_TIME = 15.0
"""Seconds after which events that find no owner are given up."""


class Route(Mailbox):
    """
    Takes a gateway's events to whoever owns the room; an ``Inlet``.

    Either a worker of this process handles them, or a peer; in between they wait here.
    What a peer was sent is kept until it says that it was handled.

    Args:
        key: The room.
        number: Its own in this process.
        bus: Finds owners.
    """

    def __init__(self, key: RoomKey, number: int, bus: "LayerBus") -> None:
        super().__init__(key, bus.node.settings.mailbox_size)
        self.number = number
        self.join = 0
        self.worker: Worker | None = None
        self.peer: Peer | None = None
        self._bus = bus
        self._epoch: int | None = None
        self._unhandled: deque[events.Event] = deque()
        self._handled = 0
        self._search: asyncio.Task[None] | None = None
        self._group = GroupMembership(bus.hub, key.group_name)

    @property
    def is_full(self) -> bool:
        """Whether gateways are to wait before they put more in."""
        if self.worker is not None:
            return self.worker.is_full
        return len(self._waiting) + len(self._unhandled) >= self._capacity

    async def space(self) -> None:
        """Wait until it is not full."""
        if self.worker is not None:
            await self.worker.space()
        else:
            await super().space()

    async def stop(self) -> None:
        """End the room's life wherever it is; sockets get 1012."""
        await self._ask_for_end(delete=False)

    async def delete(self) -> None:
        """Stop the room wherever it is, and remove it with all that it stores."""
        await self._ask_for_end(delete=True)

    def probe(self, chain: tuple[str, ...]) -> None:
        """Look whether rooms wait for one another, past all events."""
        if self.worker is not None:
            self.worker.probe(chain)
        elif self.peer is not None and not self.peer.is_full:
            self._send(items.Probe(**self._address, chain=chain))

    def _put(self, event: events.Event) -> None:
        if self.worker is None:
            super()._put(event)
        elif isinstance(event, events.End):
            self._bus.spawn(end_room(self.worker, event.delete, event.reply))
        else:
            self.worker._put(event)

    def _arrived(self) -> None:
        if self.peer is not None:
            self._pump()
        else:
            self.find()

    async def _ask_for_end(self, *, delete: bool) -> None:
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(events.End(delete, reply))
        await asyncio.shield(reply)

    # Finding an owner

    def find(self) -> None:
        """Look for the room's owner, or become it, unless that is under way."""
        if self._search is None:
            self._search = self._bus.spawn(self._keep_looking())

    async def _keep_looking(self) -> None:
        attempt = 0
        started_at = self._bus.node.clock()
        try:
            while self.worker is None and self.peer is None:
                delay = SEARCH_DELAYS[min(attempt, len(SEARCH_DELAYS) - 1)]
                await asyncio.sleep(delay)
                attempt += 1
                try:
                    self._follow(await self._bus.placement.choose(self.key))
                except (StoreUnavailable, RoomUnreachable) as error:
                    if self._bus.node.clock() - started_at > SEARCH_TIME:
                        self._give_up(error)
                        return
        finally:
            self._search = None

    def _follow(self, found: "Worker | Peer") -> None:
        if isinstance(found, Peer):
            self.follow(found)
            return
        self.worker = found
        for event in self._take_all():
            self._put(event)

    def follow(self, peer: Peer) -> None:
        """Join a room at a peer, with the open sockets, and send what waits."""
        self.unsettle()
        self.peer = peer
        self.join += 1
        self._epoch = None
        self._handled = 0
        self._bus.joined(self)
        lines: list[Line] = list(self._bus.local_audience(self.key).lines())
        # Whoever left while nobody owned the room: its end is still to be told.
        lines += [
            event.line
            for event in self._waiting
            if isinstance(event, events.Closed) and event.line.is_accepted
        ]
        for line in lines:
            line.connection = None
        join = items.Join(
            **self._address,
            party=self.key.party,
            room_id=self.key.room_id,
            seats=[items.Seat(line=one.number, profile=one.profile) for one in lines],
        )
        self._send(join)
        self._group.wanted(bool(lines))
        self._pump()

    def unsettle(self) -> None:
        """Know no owner any more; what was not handled waits again, in order."""
        self.worker = None
        if self.peer is not None:
            self.peer = None
            self._bus.parted(self)
            self._group.wanted(False)
        self._waiting.extendleft(reversed(self._unhandled))
        self._unhandled.clear()

    def take_back(self, waiting: list[events.Event]) -> None:
        """A worker of this process gives back what it did not handle."""
        self.unsettle()
        self._waiting.extendleft(reversed(waiting))
        if self._waiting:
            self.find()

    def needs_owner(self) -> None:
        """Look for an owner if somebody is there to need one."""
        if self._waiting or self._bus.local_audience(self.key).lines():
            self.find()

    def _give_up(self, error: Exception) -> None:
        logger.warning(
            "%s has no owner: %s",
            self.key,
            error,
            extra={"action": "no_owner", "room": str(self.key)},
        )
        for event in self._take_all():
            event.abandon(error)

    # To a peer

    @property
    def _address(self) -> dict[str, int]:
        return {"route": self.number, "join": self.join}

    def _send(self, item: Any) -> None:
        if self.peer is not None:
            self.peer.send(items.encode_item(item))

    def _pump(self) -> None:
        while self._waiting and self.peer is not None and not self.peer.is_full:
            event = self._take()
            self._unhandled.append(event)
            self._send(self._as_item(event))

    def pump(self) -> None:
        """Send what waits, now that the link may have space again."""
        self._pump()

    def renew(self) -> None:
        """Join the room's group again: a layer forgets its members."""
        self._group.renew()

    def _as_item(self, event: Any) -> Any:
        address = self._address
        match event:
            case events.Message(line=line, payload=payload):
                return items.Sent(**address, line=line.number, payload=payload)
            case events.Connect(line=line, context=context, chain=chain):
                profile = line.profile
                request = copy_handshake(
                    context.request, profile.user_id, dict(context.props)
                )
                return items.Opened(
                    **address,
                    line=line.number,
                    profile=profile,
                    request=request,
                    chain=chain,
                )
            case events.Closed(line=line, closing=(code, reason), was_clean=was_clean):
                return items.Ended(
                    **address,
                    line=line.number,
                    code=code,
                    reason=reason,
                    was_clean=was_clean,
                )
            case events.Trouble(line=line, error=error):
                return items.Troubled(
                    **address,
                    line=line.number,
                    kind=type(error).__name__,
                    detail=" ".join(map(str, error.args)),
                )
            case events.Request(request=request, chain=chain):
                copy = copy_request(request)
                ask = self._ask(event)
                return items.Asked(**address, ask=ask, request=copy, chain=chain)
            case events.Call(name=name, arguments=arguments, chain=chain):
                return items.Called(
                    **address,
                    ask=self._ask(event),
                    name=name,
                    arguments=msgspec.msgpack.encode(arguments),
                    chain=chain,
                )
            case Ring(at=at):
                return items.Rung(**address, ask=self._ask(event), at=at)
            case events.End(delete=delete):
                return items.StopAsked(**address, ask=self._ask(event), delete=delete)
        raise TypeError(f"{type(event).__name__} cannot cross to another process.")

    def _ask(self, event: Any) -> int:
        return self._bus.ask(self, event.reply)

    # From a peer

    def receive(self, item: Any) -> None:
        """Do what the room's owner says."""
        match item:
            case items.Send(line=number, payload=payload):
                if line := self._line(number):
                    line.send(Frame(payload))
            case items.Handled(count=count):
                while self._handled < count and self._unhandled:
                    self._unhandled.popleft()
                    self._handled += 1
                self._pump()
                self._freed()
            case items.Accept(line=number, tags=tags):
                if line := self._line(number):
                    line.accept(tags)
                    self._group.wanted(True)
            case items.Keep(line=number, state=state):
                if line := self._line(number):
                    line.keep(state)
            case items.Close(line=number, code=code, reason=reason, drop=drop):
                if line := self._line(number):
                    (line.drop if drop else line.close)((code, reason))
            case items.Joined(epoch=epoch):
                self._epoch = epoch
            case items.Lost():
                self.broken(is_dead=True)
            case items.Refused():
                self.unsettle()
                self.needs_owner()
            case items.HandedOver(asleep=asleep):
                self.unsettle()
                if self._waiting or not asleep:
                    self.needs_owner()

    def broadcast(self, item: items.Broadcast) -> None:
        """Queue a frame at this process's sockets, unless it is of another life."""
        if item.epoch == self._epoch:
            audience = self._bus.local_audience(self.key)
            audience.broadcast((Frame(item.payload), frozenset(item.without)))

    def broken(self, *, is_dead: bool) -> None:
        """Everything under way to and from the owner is lost."""
        hibernates = registry.get(self.key.party).hibernate
        lost = LOST_PLAIN if is_dead and not hibernates else LOST_OUTPUTS
        for line in self._bus.local_audience(self.key).lines():
            line.drop(lost)
        unhandled = tuple(self._unhandled)
        self._unhandled.clear()
        self.unsettle()
        stopped = RoomStopped(f"{self.key} has lost its owner.")
        for event in unhandled:
            event.abandon(stopped)
        self._bus.fail_asks(self, stopped)
        if self._waiting:
            self.find()

    def _line(self, number: int) -> "Outbox | None":
        return self._bus.lines.get(number)
