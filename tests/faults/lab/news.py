"""Waiting until something has become true, without polling."""

import asyncio
from collections.abc import Callable

from tests.deadline import DEADLINE


class News:
    """Wakes all who wait for a fact whenever there may be a new one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def spread(self) -> None:
        """Something has changed."""
        self._event.set()

    async def until(
        self, fact: Callable[[], object], timeout: float = DEADLINE
    ) -> None:
        """
        Wait until something is true.

        Raises:
            TimeoutError: If it does not become true in time.
        """
        async with asyncio.timeout(timeout):
            while not fact():
                self._event.clear()
                await self._event.wait()
