"""The bounded queue of one room's events."""

import asyncio
from collections import deque
from collections.abc import Iterable

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import MailboxFull
from partyrooms.runtime.events import Event


class Mailbox:
    """
    Events in the order of their arrival.

    What a socket sends is always taken, and gateways wait for space before they read
    on: so the bound is exceeded by at most one event per socket. Who can be told to
    come back later is turned away when it is full.

    Attributes:
        waiting: The events, oldest first.
        capacity: How many may wait.

    Args:
        key: Which room.
        capacity: How many events may wait.
    """

    __slots__ = ("_key", "_space", "capacity", "waiting")

    def __init__(self, key: RoomKey, capacity: int) -> None:
        self.capacity = capacity
        self.waiting: deque[Event] = deque()
        self._key = key
        self._space: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether gateways are to wait before they put more in."""
        return len(self.waiting) >= self.capacity

    async def space(self) -> None:
        """Wait until it is not full."""
        while self.is_full:
            if self._space is None:
                self._space = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._space)

    def require_space(self) -> None:
        """
        Turn an event away that can come later.

        Raises:
            MailboxFull: If it is full.
        """
        if self.is_full:
            raise MailboxFull(
                f"{self._key} has {len(self.waiting)} events waiting, as many as "
                "MAILBOX_SIZE allows; come back later."
            )

    def take(self) -> Event:
        """The next event; those who wait for space are woken."""
        event = self.waiting.popleft()
        if self._space is not None:
            self.freed()
        return event

    def take_all(self) -> list[Event]:
        """Every event that waits now."""
        return [self.take() for _ in range(len(self.waiting))]

    def put_back(self, events: Iterable[Event]) -> None:
        """Let these events, in their order, be handled before all that wait."""
        self.waiting.extendleft(reversed([*events]))

    def freed(self) -> None:
        """There may be space now: wake those who wait for it."""
        if self._space is not None and not self.is_full:
            self._space.set_result(None)
            self._space = None
