"""``asyncio.sleep`` in the background work of rooms, by the testing kit's clock."""

import asyncio
import math
from collections.abc import Iterable
from types import CoroutineType
from typing import Any

TURNS = 50
"""Turns of the event loop in which work that was woken comes to its next sleep."""


class Sleeps:
    """Those that tasks wait in: noticed as they begin, woken at their time."""

    def __init__(self) -> None:
        self._ends: dict[asyncio.Future[Any], float] = {}

    @property
    def next_at(self) -> float:
        """When the next one is over, as far as they were noticed; inf: none is."""
        self._ends = {f: at for f, at in self._ends.items() if not f.done()}
        return min(self._ends.values(), default=math.inf)

    async def notice(self, tasks: Iterable["asyncio.Task[Any]"], now: float) -> None:
        """Let tasks go on as far as they can, and note which of them sleep now."""
        working = [task for task in tasks if not task.done()]
        for _ in range(TURNS if working else 0):
            await asyncio.sleep(0)
        for task in working:
            found = _sleep_of(task)
            if found is not None:
                future, delay = found
                self._ends.setdefault(future, now + delay)

    def wake(self, now: float) -> None:
        """Let those end whose time has come."""
        for future, at in tuple(self._ends.items()):
            if at <= now and not future.done():
                future.set_result(None)


def _sleep_of(task: "asyncio.Task[Any]") -> "tuple[asyncio.Future[Any], float] | None":
    """What a task waits for if that is ``asyncio.sleep``, and for how long."""
    awaited: Any = task.get_coro()
    while isinstance(awaited, CoroutineType) and awaited.cr_frame is not None:
        if awaited.cr_code is asyncio.sleep.__code__:
            names = awaited.cr_frame.f_locals
            return (names["future"], names["delay"]) if "future" in names else None
        awaited = awaited.cr_await
    return None
