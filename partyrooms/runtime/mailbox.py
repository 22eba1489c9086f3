"""The bounded queue of one room's events."""

import asyncio
import math
from collections import deque
from collections.abc import Iterable

from partyrooms.core.keys import RoomKey
from partyrooms.core.pace import Pace
from partyrooms.core.places import Places
from partyrooms.exceptions import MailboxFull
from partyrooms.ports.sockets import Closing, Socket
from partyrooms.runtime.events import Closed, Event, Message


class Mailbox:
    """
    Events in the order of their arrival.

    What a socket sends is always taken, and gateways wait for space before they read
    on: so the bound is exceeded by at most one event per socket. Frames have a share
    for each socket, see ``core.places``. Who can be told to come back later is turned
    away when it is full.

    Attributes:
        waiting: The events, oldest first.
        places: Who waits to put more in.
        pace: How long the events take.

    Args:
        key: Which room.
        capacity: How many events may wait.
        patience: Seconds for which a request may, about.
    """

    __slots__ = ("_key", "_patience", "pace", "places", "waiting")

    def __init__(self, key: RoomKey, capacity: int, patience: float = math.inf) -> None:
        self.pace = Pace()
        self._patience = patience
        self.places: Places[asyncio.Future[None]] = Places(capacity)
        self.waiting: deque[Event] = deque()
        self._key = key

    def __len__(self) -> int:
        return len(self.waiting)

    @property
    def is_full(self) -> bool:
        """Whether there is no place for a newcomer's event."""
        return len(self) >= self.places.capacity

    async def space(self, socket: Socket | None = None) -> None:
        """
        Wait for a place, behind all who wait; safe to cancel.

        Args:
            socket: Whose last frame is to have a place, and whose share is to have
                space; None: the place is for an event that is put in next.
        """
        if socket is None:
            if self.is_full:
                await self._wait_as_newcomer()
            return
        places = self.places
        if len(self) > places.capacity:
            waiter = asyncio.get_running_loop().create_future()
            places.wait_at_door(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                places.give_up(waiter)
                raise
        while socket.waiting >= places.share:
            waiter = asyncio.get_running_loop().create_future()
            places.hold(socket, waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                places.release(socket)
                raise

    def require_space(self) -> None:
        """
        Turn an event away that can come later.

        Raises:
            MailboxFull: If it is full.
        """
        if self.is_full:
            raise MailboxFull(
                f"{self._key} has {len(self)} events waiting, as many as "
                "MAILBOX_SIZE allows; come back later."
            )

    def require_time(self) -> None:
        """
        Turn a request away that would wait too long for its turn.

        Raises:
            MailboxFull: If what waits takes longer than ``patience``.
        """
        wait = self.pace.wait(len(self.waiting))
        if wait > self._patience:
            raise MailboxFull(
                f"{self._key} has {len(self)} events waiting, which take about "
                f"{wait:.0f} s: more than CONNECT_TIMEOUT; come back later."
            )

    def put(self, event: Event) -> None:
        """Take an event, in its order."""
        self.waiting.append(event)
        if type(event) is Message:
            event.socket.waiting += 1

    def take(self) -> Event:
        """The next event; those who have a place now are woken."""
        event = self.waiting.popleft()
        self.done(event)
        return event

    def take_all(self) -> list[Event]:
        """Every event that waits now."""
        return [self.take() for _ in range(len(self.waiting))]

    def put_back(self, events: Iterable[Event]) -> None:
        """Let these events, in their order, be handled before all that wait."""
        for event in reversed([*events]):
            self.waiting.appendleft(event)
            if type(event) is Message:
                event.socket.waiting += 1

    def ends(self) -> dict[Socket, tuple[Closing, bool]]:
        """How the sockets ended whose ends wait: with what, and whether cleanly."""
        ends = (one for one in self.waiting if isinstance(one, Closed))
        return {one.socket: (one.closing, one.was_clean) for one in ends}

    def done(self, event: Event) -> None:
        """An event waits no more: wake those who have space now."""
        socket = None
        if type(event) is Message:
            socket = event.socket
            socket.waiting -= 1
        if self.places.is_awaited:
            self._wake(socket)

    def _wake(self, socket: Socket | None) -> None:
        woken = self.places.placed(len(self))
        if socket is not None:
            waiter = self.places.has_share(socket)
            if waiter is not None:
                woken.append(waiter)
        for waiter in woken:
            if not waiter.done():
                waiter.set_result(None)

    async def _wait_as_newcomer(self) -> None:
        places, loop = self.places, asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        places.wait_as_newcomer(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            places.give_up(waiter)
            raise
        finally:
            places.newcomer_left()
            # It need not take its place: then that is the next one's.
            loop.call_soon(self._wake, None)
