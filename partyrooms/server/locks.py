"""Which rooms refuse newcomers, as one process knows it."""

import asyncio
from collections.abc import Callable

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.store import Store

MAX_AGE = 2.0
"""Seconds for which what was read is good."""


class Locks:
    """
    The locked rooms, read when somebody comes and the last look is too long ago.

    Args:
        store: Where they are.
        clock: Seconds that never run backwards.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._keys: set[RoomKey] = set()
        self._until = 0.0
        self._reading = asyncio.Lock()

    async def has(self, key: RoomKey) -> bool:
        """Whether a room is locked; while the database is away, as it was before."""
        if self._clock() >= self._until:
            async with self._reading:
                if self._clock() >= self._until:
                    await self._read()
        return key in self._keys

    async def _read(self) -> None:
        try:
            self._keys = await self._store.locked()
        except StoreUnavailable:
            pass  # Rooms that are in memory go on without it, and take newcomers.
        finally:
            self._until = self._clock() + MAX_AGE
