"""Until when a node may act for its rooms, by its own clock."""

import asyncio
import logging
import math
from collections.abc import Callable

from partyrooms.nodes.process import boot_clock

logger = logging.getLogger("partyrooms.nodes")

LOOK_INTERVAL = 0.05
"""Seconds between two looks while the lease is over; only then anybody looks."""


class Lease:
    """
    A node whose lease is over pauses: no hook begins, and no output leaves.

    It does not end its rooms: if the database was away, no other node could take them,
    and the next renewal lets them go on. If one could, the node's row says so.

    Attributes:
        has_lapsed: It was over when somebody asked; whoever has seen to it clears this.

    Args:
        clock: Seconds on a clock that cannot be set and that counts suspended time.
    """

    __slots__ = ("_clock", "_paused_at", "_until", "has_lapsed")

    def __init__(self, clock: Callable[[], float] = boot_clock) -> None:
        self._clock = clock
        self._until = math.inf
        self.has_lapsed = False
        self._paused_at: float | None = None

    def extend(self, until: float) -> None:
        """It was renewed; may be called from any thread."""
        self._until = until
        paused_at = self._paused_at
        if paused_at is not None and self.holds():
            self._paused_at = None
            logger.warning(
                "The lease is renewed: rooms go on after %.1f s",
                self._clock() - paused_at,
                extra={"action": "lease_renewed"},
            )

    def holds(self) -> bool:
        """Whether this node may act now."""
        if self._clock() < self._until:
            return True
        self.has_lapsed = True
        return False

    async def held(self) -> None:
        """Wait until this node may act again; the first one that waits logs it."""
        if self._paused_at is None and not self.holds():
            self._paused_at = self._clock()
            logger.warning(
                "The lease is over, for the database has not renewed it: rooms pause "
                "until it does",
                extra={"action": "lease_over"},
            )
        while not self.holds():  # noqa: ASYNC110 - another thread extends it
            await asyncio.sleep(LOOK_INTERVAL)
