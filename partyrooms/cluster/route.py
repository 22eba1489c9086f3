"""A gateway's way to one room, wherever its owner is, through every change of it."""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from partyrooms import registry
from partyrooms.cluster.encoding import as_item
from partyrooms.cluster.groups import GroupMembership
from partyrooms.cluster.link import Peer
from partyrooms.cluster.session import end_room
from partyrooms.core import wire as items
from partyrooms.core.frames import Frame
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import Past, Settlement, Trail
from partyrooms.exceptions import (
    RoomStopped,
    RoomUnreachable,
    StoreUnavailable,
)
from partyrooms.ports.cluster import Closing, Line
from partyrooms.runtime import events
from partyrooms.runtime.mailbox import Mailbox

if TYPE_CHECKING:
    from partyrooms.cluster.cluster import LayerBus
    from partyrooms.delivery.outbox import Outbox
    from partyrooms.runtime.worker import Worker

logger = logging.getLogger("partyrooms.cluster")

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
    What a peer was sent is kept until it says that it was handled. If the owner dies
    and the sockets outlive it, the route has a *past* until the next owner settles it:
    nothing is sent before.

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
        self._trail: Trail | None = None
        self._past: Past | None = None
        self._summoner: Peer | None = None

    @property
    def is_full(self) -> bool:
        """Whether gateways are to wait before they put more in."""
        if self.worker is not None and self._past is None:
            return self.worker.is_full
        return len(self._waiting) + len(self._unhandled) >= self._capacity

    async def space(self) -> None:
        """Wait until it is not full."""
        if self.worker is not None and self._past is None:
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
        if self.worker is None or self._past is not None:
            super()._put(event)
        elif isinstance(event, events.End):
            self._bus.spawn(end_room(self.worker, event.delete, event.reply))
        else:
            self.worker._put(event)

    def _arrived(self) -> None:
        if self.peer is not None:
            self._pump()
        elif self.worker is None:
            self.find()

    async def _ask_for_end(self, *, delete: bool) -> None:
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(events.End(delete, reply))
        await asyncio.shield(reply)

    # Finding an owner

    def find(self, attempt: int = 0) -> None:
        """Look for the room's owner, or become it, unless that is under way."""
        if self._search is None:
            self._search = self._bus.spawn(self._keep_looking(attempt))

    async def _keep_looking(self, attempt: int) -> None:
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
        if self._past is not None:
            self._bus.recalls.add(self.key, self)
        else:
            self._hand_all_over()

    def _hand_all_over(self) -> None:
        for event in self._take_all():
            self._put(event)

    def follow(self, peer: Peer) -> None:
        """Join a room at a peer, with the open sockets, and send what waits."""
        self._turn_to(peer)
        if self._past is not None:
            recall = items.Recall(
                **self._address,
                party=self.key.party,
                room_id=self.key.room_id,
                past=self._past,
            )
            self._send(recall)
        else:
            self._join(peer)

    def _turn_to(self, peer: Peer) -> None:
        self.unsettle()
        self._summoner = None
        self.peer = peer
        self.join += 1
        self._epoch = None
        self._bus.joined(self)

    def _join(self, peer: Peer) -> None:
        self._handled = 0
        if registry.get(self.key.party).hibernate:
            self._trail = Trail(self.join)
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

    def summon(self, peer: Peer, *, at_once: bool) -> None:
        """
        A process has claimed the room: join it there.

        Args:
            peer: The process.
            at_once: The owner before it died. Otherwise all that it said is waited for:
                it may be on its way still.
        """
        if self.peer is not None and not at_once:
            self._summoner = peer
            return
        self.part()
        self.follow(peer)

    def unsettle(self) -> None:
        """Know no owner any more; what was not handled waits again, in order."""
        self.worker = None
        if self.peer is not None:
            self.peer = None
            self._group.wanted(False)
            if self._past is None:
                self._bus.parted(self)
        if self._past is None:
            self._trail = None
            self._waiting.extendleft(reversed(self._unhandled))
            self._unhandled.clear()

    def take_back(self, waiting: list[events.Event]) -> None:
        """A worker of this process gives back what it did not handle."""
        self.unsettle()
        self._waiting.extendleft(reversed(waiting))
        if self._waiting or self._past is not None:
            self.find()

    def needs_owner(self) -> None:
        """Look for an owner if somebody is there to need one."""
        if self._summoner is not None:
            self.follow(self._summoner)
        elif self._needs_one:
            self.find()

    @property
    def _needs_one(self) -> bool:
        return bool(
            self._waiting
            or self._unhandled
            or self._bus.local_audience(self.key).lines()
        )

    # When an owner dies

    @property
    def node(self) -> bytes:
        """This process, as the room's next owner names it."""
        return self._bus.node_id.bytes

    @property
    def is_astray(self) -> bool:
        """Whether it is at an owner elsewhere, or comes from one that is gone."""
        return self.peer is not None or (self._past is not None and not self.worker)

    @property
    def past(self) -> Past:
        """What came of the owner that is gone, while that is not settled."""
        return self._past or Past(epoch=0, join=0)

    def part(self) -> None:
        """The owner is gone; what came of it is kept, if the sockets outlive it."""
        if self._past is None and self._trail is not None:
            self._past, self._trail = self._trail.past(), None
            self._fail_asks()
            self.unsettle()
        elif self.peer is not None and self._past is None:
            self._lose(LOST_PLAIN)

    def come_home(self) -> None:
        """The room is this process's own now."""
        self.unsettle()
        self._follow(self._bus.node.worker(self.key))

    def settle(self, settlement: Settlement) -> None:
        """The next owner says what becomes of the past."""
        if self._past is None:
            return
        self._past = None
        peer = self.peer
        if settlement.is_lost:
            self._lose(LOST_OUTPUTS)
        else:
            self._forget(settlement.handled)
        if self.worker is not None:
            self._hand_all_over()
        elif peer is not None:
            self.follow(peer)

    def turn_away(self) -> None:
        """The room is not this process's after all, or cannot be started now."""
        self.unsettle()
        self.find(attempt=len(SEARCH_DELAYS))

    def _forget(self, handled: int) -> None:
        """Drop what the owner that is gone has handled; the rest waits."""
        while self._handled < handled and self._unhandled:
            self._unhandled.popleft()
            self._handled += 1
        self._fail_asks()
        self._waiting.extendleft(reversed(self._unhandled))
        self._unhandled.clear()

    def _give_up(self, error: Exception) -> None:
        logger.warning(
            "%s has no owner: %s",
            self.key,
            error,
            extra={"action": "no_owner", "room": str(self.key)},
        )
        if self._past is not None:
            self._past = None
            self._lose(LOST_OUTPUTS)
        for event in self._take_all():
            event.abandon(error)

    def _fail_asks(self) -> None:
        """Nobody will answer what was asked, but for what can be asked again."""
        again = {getattr(event, "reply", None) for event in self._unhandled}
        stopped = RoomStopped(f"{self.key} has lost its owner.")
        self._bus.asks.fail(self, stopped, keep=again)

    # To a peer

    @property
    def _address(self) -> dict[str, int]:
        return {"route": self.number, "join": self.join}

    def _send(self, item: Any) -> None:
        if self.peer is not None:
            self.peer.send(items.encode_item(item))

    def _pump(self) -> None:
        if self._past is not None:
            return
        while self._waiting and self.peer is not None and not self.peer.is_full:
            event = self._take()
            self._unhandled.append(event)
            ask = partial(self._bus.asks.add, self)
            self._send(as_item(event, self._address, ask))

    def pump(self) -> None:
        """Send what waits, now that the link may have space again."""
        self._pump()

    def renew(self) -> None:
        """Join the room's group again: a layer forgets its members."""
        self._group.renew()

    # From a peer

    def receive(self, item: Any) -> None:
        """Do what the room's owner says."""
        match item:
            case items.Send(line=number, payload=payload):
                if line := self._line(number):
                    line.send(Frame(payload))
            case items.Handled(count=count):
                self._confirm(count)
            case items.Marked():
                if self._trail is not None:
                    self._trail.mark(item.turn, item.size, item.news)
                self._confirm(item.handled)
                return
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
            case _:
                self._hear_of_owner(item)
                return
        if self._trail is not None:
            self._trail.item()

    def broadcast(self, item: items.Broadcast) -> None:
        """Queue a frame at this process's sockets, unless it is of another life."""
        if item.epoch == self._epoch:
            if self._trail is not None:
                self._trail.item()
            audience = self._bus.local_audience(self.key)
            audience.broadcast((Frame(item.payload), frozenset(item.without)))

    def broken(self, *, is_dead: bool) -> None:
        """Everything under way to and from the owner is lost."""
        if self._past is not None:
            self.unsettle()  # It was asked what becomes of another one's.
        elif is_dead:
            self.part()
        else:
            self._lose(LOST_OUTPUTS)
        self.needs_owner()

    def end(self) -> None:
        """This process reaches nobody any more: neither do its sockets."""
        hibernates = registry.get(self.key.party).hibernate
        self._past = None
        self._lose(LOST_OUTPUTS if hibernates else LOST_PLAIN)
        for event in self._take_all():
            event.abandon(RoomStopped(f"{self.key} cannot be reached any more."))

    def _hear_of_owner(self, item: Any) -> None:
        match item:
            case items.Joined(epoch=epoch):
                self._epoch = epoch
                if self._trail is not None:
                    self._trail.begin(epoch)
            case items.Settled(settlement=settlement):
                self.settle(settlement)
            case items.Lost():
                self.broken(is_dead=True)
            case items.Refused():
                self.unsettle()
                self.needs_owner()
            case items.HandedOver(asleep=asleep):
                self.unsettle()
                if self._waiting or self._summoner is not None or not asleep:
                    self.needs_owner()

    def _confirm(self, count: int) -> None:
        while self._handled < count and self._unhandled:
            self._unhandled.popleft()
            self._handled += 1
        self._pump()
        self._freed()

    def _lose(self, closing: Closing) -> None:
        """Close the sockets, and give up what was sent and not handled."""
        for line in self._bus.local_audience(self.key).lines():
            line.drop(closing)
        unhandled = tuple(self._unhandled)
        self._unhandled.clear()
        if self.worker is None:
            self.unsettle()
        stopped = RoomStopped(f"{self.key} has lost its owner.")
        for event in unhandled:
            event.abandon(stopped)
        self._bus.asks.fail(self, stopped)

    def _line(self, number: int) -> "Outbox | None":
        return self._bus.lines.get(number)
