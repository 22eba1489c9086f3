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
from partyrooms.testing.sleeps import Sleeps
from partyrooms.timezones import from_seconds

MAX_ALARMS = 10_000
"""In one ``pass_time()``: on_alarm that sets an alarm for now would ring for ever."""

CALL_PATIENCE = 1.0
"""Real seconds that a timer's call may take before time goes on without it."""

MAX_STEPS = 10_000
"""At one moment: likewise for timers, and for sleeps of no time."""


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

    def elapsed_at(self, moment: datetime) -> float:
        """How many seconds will have elapsed, or had, at a moment."""
        return moment.timestamp() - self._started


class Timeline:
    """
    What happens in a node while time passes: alarms and timers ring, rooms sleep.

    Hooks time out, and background work wakes up.

    Args:
        node: Not started, so that nothing of this happens by itself.
        clock: The node's.
        store: The node's.
    """

    def __init__(self, node: Node, clock: FakeClock, store: MemoryStore) -> None:
        self._node = node
        self.clock = clock
        self.store = store
        self._timers = node.environment.timers
        self._sleeps = Sleeps()
        self._waiting: set[RoomKey] = set()  # until a hook has ended

    async def pass_time(self, duration: float) -> None:
        """
        Let so many seconds pass; what is due meanwhile happens at its time, in order.

        Raises:
            RuntimeError: If more than ``MAX_ALARMS`` ring, or time does not go on.
        """
        self._waiting.clear()
        await self._quiet()
        self._node.rooms.sweep()
        end = self.clock.elapsed + duration
        rung = steps = 0
        while True:
            due = await self._next_alarm(end)
            alarm_at = math.inf if due is None else self.clock.elapsed_at(due.at)
            step_at = self._next_step_at
            if due is None and step_at > end:
                break
            if due is not None and alarm_at <= step_at:
                rung += 1
                if rung > MAX_ALARMS:
                    raise RuntimeError(
                        f"{MAX_ALARMS} alarms have rung, and {due.key} has another one:"
                        " does its on_alarm set an alarm that is due at once?"
                    )
                await self._ring(due)
                continue
            steps = 0 if step_at > self.clock.elapsed else steps + 1
            if steps > MAX_STEPS:
                raise RuntimeError(
                    f"{MAX_STEPS} timers have rung at one moment, and there is another "
                    "one: does what they call start one of 0 seconds?"
                )
            await self._step(step_at)
        self._move_to(end)

    async def _step(self, at: float) -> None:
        """Let timers ring, and wait until their calls have ended."""
        rooms = self._node.rooms
        others = {one for one in rooms.busy if one.is_in_hook}
        self._move_to(at)
        with suppress(TimeoutError):
            async with asyncio.timeout(CALL_PATIENCE):
                for worker in rooms.busy - others:
                    await worker.until_idle()

    @property
    def _next_step_at(self) -> float:
        """When the next timer rings, or background work wakes up."""
        timer_at = self._timers.next_at
        return min(math.inf if timer_at is None else timer_at, self._sleeps.next_at)

    def _move_to(self, elapsed: float) -> None:
        """Let so much time have elapsed, and begin what is due then."""
        self.clock.elapsed = max(self.clock.elapsed, elapsed)
        self._node.rooms.sweep()
        self._timers.ring_due()
        self._sleeps.wake(self.clock.elapsed)

    async def _ring(self, due: DueAlarm) -> None:
        self._move_to(self.clock.elapsed_at(due.at))
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
        working = tuple(self._node.rooms.busy)
        tasks = [one for each in working if each.life for one in each.life.tasks]
        await self._sleeps.notice(tasks, self.clock.elapsed)
        for worker in working:
            while worker.is_between_hooks:  # noqa: ASYNC110 - memory waits for nothing
                await asyncio.sleep(0)
            if worker.life is not None:
                await worker.life.gate.commit(None)


def _look_at(done: "asyncio.Future[Any]") -> None:
    # Or asyncio would log that the exception was never read.
    if not done.cancelled():
        done.exception()
