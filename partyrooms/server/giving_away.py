"""How a process that goes gives its rooms away: which end, which move with sockets."""

import asyncio
import random
from collections.abc import Callable, Iterable

from partyrooms.core.keys import RoomKey
from partyrooms.ports.sockets import Closing
from partyrooms.runtime.worker import Worker

GRACE = 10.0
"""
Seconds that closing the sockets takes at most, half of them while rooms are given away
and half afterwards; a supervisor must wait longer.
"""

CLOSES_PER_SECOND = 500
"""Few sockets are closed sooner than in ``GRACE``; more at a higher rate."""


def duration_of(sockets: int) -> float:
    """Seconds over which so many sockets are closed, lest all come back at once."""
    return min(GRACE / 2, sockets / CLOSES_PER_SECOND)


async def give_away(
    workers: Iterable[Worker], is_outlived: Callable[[RoomKey], bool], closing: Closing
) -> None:
    """
    End the lives of rooms; return when all have ended.

    Rooms whose sockets may outlive them move at once. The others would be found empty
    by their sockets, which are closed: room by room, in random order, so that their
    clients do not all come back at the same instant.

    Args:
        workers: Of the rooms.
        is_outlived: Whether a room's sockets stay.
        closing: What the other sockets get.
    """
    moving: list[Worker] = []
    ending: list[Worker] = []
    for worker in workers:
        (moving if is_outlived(worker.key) else ending).append(worker)
    random.shuffle(ending)
    sockets = [0 if one.life is None else len(one.life.connections) for one in ending]
    duration, total, before = duration_of(sum(sockets)), sum(sockets), 0
    ends = [one.stop(None) for one in moving]
    for worker, count in zip(ending, sockets, strict=True):
        ends.append(_stop_after(duration * before / (total or 1), worker, closing))
        before += count
    await asyncio.gather(*ends)


async def _stop_after(delay: float, worker: Worker, closing: Closing) -> None:
    if delay:
        await asyncio.sleep(delay)
    await worker.stop(closing)
