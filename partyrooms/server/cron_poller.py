"""Runs the crons of all classes: each tick on one node, and once more if that dies."""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, cast

from partyrooms.api.crons import Schedule, schedules
from partyrooms.core.ticks import MAX_AGE, due_tick
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import CronKey, CronRow
from partyrooms.runtime.embedded import is_spare
from partyrooms.server.node import Node
from partyrooms.timezones import from_seconds
from partyrooms.usercode import text_of

logger = logging.getLogger("partyrooms.runtime")

SETTLING_TIME = 1.0
"""Seconds until the first look: a script that only asks a room something, and ends,
must not begin what takes long."""

LOOK_INTERVAL = 2.0
"""Seconds after which it is looked whether a node has died in the middle of a tick."""

LEASE_INTERVAL = 0.2
"""Seconds between two looks at the lease while a tick runs."""

RETRY_DELAY = 1.0
"""Seconds until the end of a tick is written again, if the database was away."""

MAX_ERROR_SIZE = 1000
"""Characters of an error that are kept."""


class CronPoller:
    """
    Begins ticks, in the name of one node.

    Args:
        node: Which one.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._environment = node.environment
        self._since = self._now()
        self._known: dict[CronKey, str] = {}
        self._running: dict[CronKey, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._is_blind = False

    async def keep_polling(self) -> None:
        """Look and run until cancelled."""
        await asyncio.sleep(SETTLING_TIME)
        while True:
            self._ended.clear()
            pause = await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ended.wait()

    async def _look(self) -> float:
        """Begin what is due; seconds until the next look."""
        found = {one.key: one for one in schedules()}
        if not found or not self._node.is_serving:
            return LOOK_INTERVAL
        try:
            rows = [] if await is_spare(self._environment) else await self._rows(found)
            for row in rows:
                await self._begin(found[row.key], row)
        except Exception as error:  # whatever it is, the next look may go well
            self._cannot_see(error)
            return LOOK_INTERVAL
        self._is_blind = False
        return min([LOOK_INTERVAL, *(self._wait(found[r.key], r) for r in rows)])

    async def _rows(self, found: dict[CronKey, Schedule]) -> list[CronRow]:
        expressions = {key: one.expression for key, one in found.items()}
        store = self._node.store
        if self._known != expressions:
            new = dict(expressions.items() - self._known.items())
            await store.introduce_crons(new, self._now())
            self._known = expressions
        return [row for row in await store.crons() if row.key in found]

    async def _begin(self, schedule: Schedule, row: CronRow) -> None:
        now = self._now()
        tick = None if row.key in self._running else self._due(schedule, row, now)
        if tick is not None and await self._node.store.begin_tick(row, tick, now):
            work = self._run(schedule, row, tick)
            self._running[schedule.key] = self._node.spawn(work)

    def _due(self, schedule: Schedule, row: CronRow, now: datetime) -> datetime | None:
        if row.is_running:
            # One's own, and not under way: the answer to begin_tick was lost, or the
            # lease was over meanwhile.
            is_left = row.is_abandoned or row.is_own
            return row.tick if is_left else None
        # It was begun by a clock that was wrong then: what it says counts for nothing.
        last = row.tick if row.tick <= now + MAX_AGE else now - MAX_AGE
        ticks = schedule.ticks(max(last, now - MAX_AGE))
        since = min(self._since, now)
        return due_tick(takewhile(lambda tick: tick <= now, ticks), since=since)

    def _wait(self, schedule: Schedule, row: CronRow) -> float:
        """Seconds until a cron's next tick."""
        now = self._now()
        tick = next(schedule.ticks(max(row.tick, now)), now + timedelta(days=1))
        return max(0.0, (tick - now).total_seconds())

    async def _run(self, schedule: Schedule, row: CronRow, tick: datetime) -> None:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        guard = self._node.spawn(self._cancel_without_lease(schedule, task))
        try:
            error = await self._attempt(schedule, tick)
            # Not if this task was cancelled: then somebody else runs it again.
            await self._end(schedule, row, error)
        finally:
            guard.cancel()
            del self._running[schedule.key]
            self._ended.set()

    async def _cancel_without_lease(
        self, schedule: Schedule, task: "asyncio.Task[Any]"
    ) -> None:
        """Another node may begin the same tick when this one's lease has ended."""
        while self._environment.lease.holds():  # noqa: ASYNC110 - only a clock ends it
            await asyncio.sleep(LEASE_INTERVAL)
        logger.warning(
            "The tick of %s is cancelled, and run again by whoever may: the lease of "
            "this node is over",
            schedule,
            extra={"action": "cron_cancelled", "cron": str(schedule)},
        )
        task.cancel()

    async def _attempt(self, schedule: Schedule, tick: datetime) -> str:
        """Run a tick; what it raised, for people."""
        await self._environment.take_lane()
        try:
            await schedule.run(tick, self._environment.in_thread)
        except Exception as error:
            logger.exception(
                "on_cron of %s raised",
                schedule,
                extra={"action": "cron_failed", "cron": str(schedule)},
            )
            return f"{type(error).__name__}: {text_of(error)}"[:MAX_ERROR_SIZE]
        return ""

    async def _end(self, schedule: Schedule, row: CronRow, error: str) -> None:
        while True:
            try:
                await self._node.store.end_tick(row, self._now(), error)
            except StoreUnavailable as away:
                logger.warning(
                    "The end of a tick of %s is written again: %s",
                    schedule,
                    away,
                    extra={"action": "cron_end_repeated", "cron": str(schedule)},
                )
                await asyncio.sleep(RETRY_DELAY)
            else:
                return

    def _now(self) -> datetime:
        return from_seconds(self._environment.wall_clock())

    def _cannot_see(self, error: Exception) -> None:
        if self._is_blind:
            return
        self._is_blind = True
        is_known = isinstance(error, StoreUnavailable)
        logger.log(
            logging.WARNING if is_known else logging.ERROR,
            "Crons do not run, for the last ticks cannot be read: %s",
            error,
            exc_info=None if is_known else error,
            extra={"action": "crons_not_found"},
        )
