"""Time in the testing kit: it stands still unless a test lets it pass."""

import asyncio
import math
import time
from contextlib import suppress
from datetime import datetime
from typing import Any

from partyrooms import registry
from partyrooms.core.keys import RoomKey
from partyrooms.ports.records import DueAlarm
from partyrooms.server.node import Node
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.timezones import from_seconds

MAX_ALARMS = 10_000
"""In one ``pass_time()``: an on_alarm that sets an alarm for now would not end."""


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        # Whole, so that sums with it keep their microseconds.
        self._started = math.ceil(time.time())

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self.elapsed

    def wall(self, elapsed: float | None = None) -> float:
        """Seconds since 1970, now or when so many will have elapsed."""
        return self._started + (self.elapsed if elapsed is None else elapsed)

    def move_to(self, moment: datetime) -> None:
        """Let it be a later moment; an earlier one is passed over."""
        self.elapsed = max(self.elapsed, moment.timestamp() - self._started)


class Timeline:
    """
    What happens in a node while time passes: hooks time out, rooms sleep, alarms ring.

    Args:
        node: Not started, so that nothing of this happens by itself.
        clock: The node's.
        store: The node's.
    """

    def __init__(self, node: Node, clock: FakeClock, store: MemoryStore) -> None:
        self._node = node
        self.clock = clock
        self.store = store
        self._waiting: set[RoomKey] = set()  # until a hook has ended

    async def pass_time(self, duration: float) -> None:
        """
        Let so many seconds pass; each alarm rings at its time, in order.

        Raises:
            RuntimeError: If more than ``MAX_ALARMS`` ring.
        """
        self._waiting.clear()
        await self._quiet()
        self._node.rooms.sweep()
        end = self.clock.elapsed + duration
        rung = 0
        while due := await self._next_alarm(end):
            if rung == MAX_ALARMS:
                raise RuntimeError(
                    f"{MAX_ALARMS} alarms have rung, and {due.key} has another one: "
                    "does its on_alarm set an alarm that is due at once?"
                )
            rung += 1
            await self._ring(due)
        self.clock.elapsed = end
        self._node.rooms.sweep()

    async def _ring(self, due: DueAlarm) -> None:
        self.clock.move_to(due.at)
        self._node.rooms.sweep()
        worker = self._node.worker(due.key)
        alarm_due = worker.alarm_due(due.at)
        if worker.is_in_hook:
            self._waiting.add(due.key)
            alarm_due.add_done_callback(_look_at)
            return
        with suppress(Exception):  # The room and the log have it.
            await alarm_due

    async def _next_alarm(self, end: float) -> DueAlarm | None:
        await self._quiet()
        until = from_seconds(self.clock.wall(end))
        found = await self.store.due_alarms(
            until, now=until, parties=registry.names(), limit=len(self._waiting) + 1
        )
        return next((due for due in found if due.key not in self._waiting), None)

    async def _quiet(self) -> None:
        """Wait until nothing happens but in hooks, and all is committed."""
        for worker in tuple(self._node.rooms.busy):
            while worker.is_between_hooks:  # noqa: ASYNC110 - memory waits for nothing
                await asyncio.sleep(0)
            if worker.life is not None:
                await worker.life.gate.commit(None)


def _look_at(done: "asyncio.Future[Any]") -> None:
    # Or asyncio would log that the exception was never read.
    if not done.cancelled():
        done.exception()
