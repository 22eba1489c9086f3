"""A gateway's way to one room, wherever its owner is, through every change of it."""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from partyrooms import registry
from partyrooms.cluster.encoding import encode_event
from partyrooms.cluster.link import Link
from partyrooms.cluster.session import end_room
from partyrooms.core import wire as wire
from partyrooms.core.delivery_log import Received, ReceivedLog
from partyrooms.core.frames import Frame
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import RecoveryResult
from partyrooms.exceptions import (
    RoomStopped,
    RoomUnreachable,
    StoreUnavailable,
)
from partyrooms.ports.sockets import Closing, Socket
from partyrooms.runtime import events
from partyrooms.runtime.inbox import EventInbox
from partyrooms.runtime.mailbox import Mailbox

if TYPE_CHECKING:
    from partyrooms.cluster.cluster import LayerCluster
    from partyrooms.delivery.local_socket import LocalSocket
    from partyrooms.runtime.worker import Worker

logger = logging.getLogger("partyrooms.cluster")

LOST_PLAIN = (1012, "the room has moved; come back")
LOST_OUTPUTS = (3010, "messages were lost; come back")

SEARCH_DELAYS = (0.0, 0.05, 0.1, 0.2, 0.5)
"""Seconds before another look for an owner; the last one again and again."""

SEARCH_TIME = 15.0
"""Seconds after which events that find no owner are given up."""


class Route(EventInbox):
    """
    Takes a gateway's events to whoever owns the room; an ``RoomInbox``.

    Either a worker of this process handles them, or a peer; in between they wait here.
    What a peer was sent is kept until it says that it was handled. If the owner dies
    and the sockets outlive it, the route has a *past* until the next owner settles it:
    nothing is sent before.

    Args:
        key: The room.
        number: Its own in this process.
        cluster: Finds owners.
    """

    def __init__(self, key: RoomKey, number: int, cluster: "LayerCluster") -> None:
        capacity = cluster.environment.settings.mailbox_size
        super().__init__(key, Mailbox(key, capacity))
        self.number = number
        self.join = 0
        self.worker: Worker | None = None
        self.link: Link | None = None
        self._cluster = cluster
        self._epoch: int | None = None
        self._unhandled: deque[events.Event] = deque()
        self._handled = 0
        self._search: asyncio.Task[None] | None = None
        self._group = cluster.transport.membership(key.group_name)
        self._received_log: ReceivedLog | None = None
        self._received: Received | None = None
        self._redirected_to: Link | None = None

    @property
    def is_full(self) -> bool:
        """Whether gateways are to wait before they put more in."""
        if self.worker is not None and self._received is None:
            return self.worker.is_full
        return len(self.mailbox.waiting) + len(self._unhandled) >= self.mailbox.capacity

    async def space(self) -> None:
        """Wait until it is not full."""
        if self.worker is not None and self._received is None:
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
        elif self.link is not None and not self.link.is_full:
            self._send(wire.Probe(**self._address, chain=chain))

    def put(self, event: events.Event) -> None:
        if self.worker is None or self._received is not None:
            self.mailbox.waiting.append(event)
            self._arrived()
        elif isinstance(event, events.End):
            self._cluster.spawn(end_room(self.worker, event.delete, event.reply))
        else:
            self.worker.put(event)

    def _arrived(self) -> None:
        if self.link is not None:
            self._pump()
        elif self.worker is None:
            self.find()

    async def _ask_for_end(self, *, delete: bool) -> None:
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.put(events.End(delete, reply))
        await asyncio.shield(reply)

    # Finding an owner

    def find(self, attempt: int = 0) -> None:
        """Look for the room's owner, or become it, unless that is under way."""
        if self._search is None:
            self._search = self._cluster.spawn(self._keep_looking(attempt))

    async def _keep_looking(self, attempt: int) -> None:
        started_at = self._cluster.environment.clock()
        try:
            while self.worker is None and self.link is None:
                delay = SEARCH_DELAYS[min(attempt, len(SEARCH_DELAYS) - 1)]
                await asyncio.sleep(delay)
                attempt += 1
                try:
                    self._follow(await self._cluster.placement.choose(self.key))
                except (StoreUnavailable, RoomUnreachable) as error:
                    if self._cluster.environment.clock() - started_at > SEARCH_TIME:
                        self._give_up(error)
                        return
        finally:
            self._search = None

    def _follow(self, found: "Worker | Link") -> None:
        if isinstance(found, Link):
            self.follow(found)
            return
        self.worker = found
        if self._received is not None:
            self._cluster.recover_requests.add(self.key, self)
        else:
            self._hand_all_over()

    def _hand_all_over(self) -> None:
        for event in self.mailbox.take_all():
            self.put(event)

    def follow(self, link: Link) -> None:
        """Join a room at a peer, with the open sockets, and send what waits."""
        self._turn_to(link)
        if self._received is not None:
            recover = wire.RecoverRequest(
                **self._address,
                party=self.key.party,
                room_id=self.key.room_id,
                received=self._received,
            )
            self._send(recover)
        else:
            self._join(link)

    def _turn_to(self, link: Link) -> None:
        self.unsettle()
        self._redirected_to = None
        self.link = link
        self.join += 1
        self._epoch = None
        self._cluster.joined(self)

    def _join(self, link: Link) -> None:
        self._handled = 0
        if registry.get(self.key.party).hibernate:
            self._received_log = ReceivedLog(self.join)
        sockets: list[Socket] = list(self._cluster.local_audience(self.key).sockets())
        # Whoever left while nobody owned the room: its end is still to be told.
        sockets += [
            event.socket
            for event in self.mailbox.waiting
            if isinstance(event, events.Closed) and event.socket.is_accepted
        ]
        join = wire.Join(
            **self._address,
            party=self.key.party,
            room_id=self.key.room_id,
            seats=[
                wire.Seat(socket=one.number, profile=one.profile) for one in sockets
            ],
        )
        self._send(join)
        self._group.wanted(bool(sockets))
        self._pump()

    def redirect(self, link: Link, *, at_once: bool) -> None:
        """
        A process has claimed the room: join it there.

        Args:
            peer: The process.
            at_once: The owner before it died. Otherwise all that it said is waited for:
                it may be on its way still.
        """
        if self.link is not None and not at_once:
            self._redirected_to = link
            return
        self.part()
        self.follow(link)

    def unsettle(self) -> None:
        """Know no owner any more; what was not handled waits again, in order."""
        self.worker = None
        if self.link is not None:
            self.link = None
            self._group.wanted(False)
            if self._received is None:
                self._cluster.parted(self)
        if self._received is None:
            self._received_log = None
            self.mailbox.put_back(self._unhandled)
            self._unhandled.clear()

    def take_back(self, waiting: list[events.Event]) -> None:
        """A worker of this process gives back what it did not handle."""
        self.unsettle()
        self.mailbox.put_back(waiting)
        if self.mailbox.waiting or self._received is not None:
            self.find()

    def needs_owner(self) -> None:
        """Look for an owner if somebody is there to need one."""
        if self._redirected_to is not None:
            self.follow(self._redirected_to)
        elif self._needs_one:
            self.find()

    @property
    def _needs_one(self) -> bool:
        return bool(
            self.mailbox.waiting
            or self._unhandled
            or self._cluster.local_audience(self.key).sockets()
        )

    # When an owner dies

    @property
    def node(self) -> bytes:
        """This process, as the room's next owner names it."""
        return self._cluster.node_id.bytes

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is at an owner elsewhere, or comes from one that is gone."""
        return self.link is not None or (self._received is not None and not self.worker)

    @property
    def received(self) -> Received:
        """What came of the owner that is gone, while that is not settled."""
        return self._received or Received(epoch=0, join=0)

    def part(self) -> None:
        """The owner is gone; what came of it is kept, if the sockets outlive it."""
        if self._received is None and self._received_log is not None:
            self._received, self._received_log = self._received_log.received(), None
            self._fail_pending()
            self.unsettle()
        elif self.link is not None and self._received is None:
            self._lose(LOST_PLAIN)

    def adopt(self) -> None:
        """The room is this process's own now."""
        self.unsettle()
        self._follow(self._cluster.rooms.worker(self.key))

    def resolve(self, result: RecoveryResult) -> None:
        """The next owner says what becomes of the past."""
        if self._received is None:
            return
        self._received = None
        link = self.link
        if result.is_lost:
            self._lose(LOST_OUTPUTS)
        else:
            self._forget(result.handled)
        if self.worker is not None:
            self._hand_all_over()
        elif link is not None:
            self.follow(link)

    def turn_away(self) -> None:
        """The room is not this process's after all, or cannot be started now."""
        self.unsettle()
        self.find(attempt=len(SEARCH_DELAYS))

    def _forget(self, handled: int) -> None:
        """Drop what the owner that is gone has handled; the rest waits."""
        while self._handled < handled and self._unhandled:
            self._unhandled.popleft()
            self._handled += 1
        self._fail_pending()
        self.mailbox.put_back(self._unhandled)
        self._unhandled.clear()

    def _give_up(self, error: Exception) -> None:
        logger.warning(
            "%s has no owner: %s",
            self.key,
            error,
            extra={"action": "no_owner", "room": str(self.key)},
        )
        if self._received is not None:
            self._received = None
            self._lose(LOST_OUTPUTS)
        for event in self.mailbox.take_all():
            event.abandon(error)

    def _fail_pending(self) -> None:
        """Nobody will answer what was asked, but for what can be asked again."""
        again = {getattr(event, "reply", None) for event in self._unhandled}
        stopped = RoomStopped(f"{self.key} has lost its owner.")
        self._cluster.pending.fail(self, stopped, keep=again)

    # To a peer

    @property
    def _address(self) -> dict[str, int]:
        return {"route": self.number, "join": self.join}

    def _send(self, message: Any) -> None:
        if self.link is not None:
            self.link.send(wire.encode_message(message))

    def _pump(self) -> None:
        if self._received is not None:
            return
        while self.mailbox.waiting and self.link is not None and not self.link.is_full:
            event = self.mailbox.take()
            self._unhandled.append(event)
            ask = partial(self._cluster.pending.add, self)
            self._send(encode_event(event, self._address, ask))

    def pump(self) -> None:
        """Send what waits, now that the link may have space again."""
        self._pump()

    def renew(self) -> None:
        """Join the room's group again: a layer forgets its members."""
        self._group.renew()

    # From a peer

    def receive(self, message: Any) -> None:
        """Do what the room's owner says."""
        match message:
            case wire.Send(socket=number, payload=payload):
                if socket := self._socket(number):
                    socket.send(Frame(payload))
            case wire.Handled(count=count):
                self._confirm(count)
            case wire.Marked():
                if self._received_log is not None:
                    self._received_log.mark(message.turn, message.size, message.news)
                self._confirm(message.handled)
                return
            case wire.Accept(socket=number, tags=tags):
                if socket := self._socket(number):
                    socket.accept(tags)
                    self._group.wanted(True)
            case wire.Keep(socket=number, state=state):
                if socket := self._socket(number):
                    socket.keep_state(state)
            case wire.Close(socket=number, code=code, reason=reason, drop=drop):
                if socket := self._socket(number):
                    (socket.drop if drop else socket.close)((code, reason))
            case _:
                self._hear_of_owner(message)
                return
        if self._received_log is not None:
            self._received_log.message()

    def broadcast(self, message: wire.Broadcast) -> None:
        """Queue a frame at this process's sockets, unless it is of another life."""
        if message.epoch == self._epoch:
            if self._received_log is not None:
                self._received_log.message()
            audience = self._cluster.local_audience(self.key)
            audience.broadcast((Frame(message.payload), frozenset(message.without)))

    def broken(self, *, is_dead: bool) -> None:
        """Everything under way to and from the owner is lost."""
        if self._received is not None:
            self.unsettle()  # It was asked what becomes of another one's.
        elif is_dead:
            self.part()
        else:
            self._lose(LOST_OUTPUTS)
        self.needs_owner()

    def end(self) -> None:
        """This process reaches nobody any more: neither do its sockets."""
        hibernates = registry.get(self.key.party).hibernate
        self._received = None
        self._lose(LOST_OUTPUTS if hibernates else LOST_PLAIN)
        for event in self.mailbox.take_all():
            event.abandon(RoomStopped(f"{self.key} cannot be reached any more."))

    def _hear_of_owner(self, message: Any) -> None:
        match message:
            case wire.Joined(epoch=epoch):
                self._epoch = epoch
                if self._received_log is not None:
                    self._received_log.begin(epoch)
            case wire.Recovered(result=result):
                self.resolve(result)
            case wire.Lost():
                self.broken(is_dead=True)
            case wire.Refused():
                self.unsettle()
                self.needs_owner()
            case wire.HandedOver(asleep=asleep):
                self.unsettle()
                if (
                    self.mailbox.waiting
                    or self._redirected_to is not None
                    or not asleep
                ):
                    self.needs_owner()

    def _confirm(self, count: int) -> None:
        while self._handled < count and self._unhandled:
            self._unhandled.popleft()
            self._handled += 1
        self._pump()
        self.mailbox.freed()

    def _lose(self, closing: Closing) -> None:
        """Close the sockets, and give up what was sent and not handled."""
        for socket in self._cluster.local_audience(self.key).sockets():
            socket.drop(closing)
        unhandled = tuple(self._unhandled)
        self._unhandled.clear()
        if self.worker is None:
            self.unsettle()
        stopped = RoomStopped(f"{self.key} has lost its owner.")
        for event in unhandled:
            event.abandon(stopped)
        self._cluster.pending.fail(self, stopped)

    def _socket(self, number: int) -> "LocalSocket | None":
        return self._cluster.sockets.get(number)
