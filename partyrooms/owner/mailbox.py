"""The bounded queue of one room's events."""

import asyncio
from collections import deque

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import MailboxFull
from partyrooms.owner.events import Event


class Mailbox:
    """
    Events in the order of their arrival.

    What a socket sends is always taken, and gateways wait for space before they read
    on: so the bound is exceeded by at most one event per socket. Who can be told to
    come back later is turned away when it is full.

    Args:
        key: Whose it is, for the error's text.
        capacity: How many events may wait.
    """

    __slots__ = ("_capacity", "_key", "_space", "events")

    def __init__(self, key: RoomKey, capacity: int) -> None:
        self.events: deque[Event] = deque()
        self._key = key
        self._capacity = capacity
        self._space: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether gateways are to wait before they put more in."""
        return len(self.events) >= self._capacity

    def require_space(self) -> None:
        """
        Let an event in that can be turned away.

        Raises:
            MailboxFull: If too many wait already.
        """
        if self.is_full:
            raise MailboxFull(
                f"{self._key} has {len(self.events)} events waiting, as many as "
                "MAILBOX_SIZE allows; come back later."
            )

    async def space(self) -> None:
        """Wait until it is not full."""
        while self.is_full:
            if self._space is None:
                self._space = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._space)

    def take(self) -> Event:
        """The next event; whoever waits for space hears of it."""
        event = self.events.popleft()
        if self._space is not None and not self.is_full:
            self._space.set_result(None)
            self._space = None
        return event

    def take_all(self) -> list[Event]:
        """Every event that waits now."""
        return [self.take() for _ in range(len(self.events))]

    def __len__(self) -> int:
        return len(self.events)
