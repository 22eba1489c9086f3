"""A room's alarm is due: the event, its turn, and what becomes of a failure."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import UNKNOWN, WriteSet
from partyrooms.exceptions import RoomStopped
from partyrooms.runtime.events.event import Event
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.life import Life
from partyrooms.runtime.turn import Turn
from partyrooms.timezones import as_stored, from_seconds
from partyrooms.usercode import text_of

logger = logging.getLogger("partyrooms.runtime")


class AlarmEvent(Event):
    """
    Somebody has seen in the room's row that its alarm is due; an ``Event``.

    By the time of its turn that may be over: another process has handled the alarm, or
    the room has replaced it. Then nothing happens.

    Attributes:
        at: An alarm that is set to this time, or to an earlier one, is due.
        reply: Done when the turn's writes are committed, however the hook ended.
        alarm: What is handled; None: it is not known yet.
    """

    hook: ClassVar[str] = "on_alarm"
    travels: ClassVar[bool] = True

    at: datetime
    reply: "asyncio.Future[None]"
    alarm: Alarm | None = None

    def meet(self, alarm: Alarm | None) -> None:
        """The room has this alarm: handle it, if it is due."""
        if alarm is not None and not alarm.is_failed and alarm.at <= self.at:
            self.alarm = alarm

    async def act(self, life: Life, turn: Turn) -> None:
        life.owes(self.reply)
        if self.alarm is None:
            self.meet(await _present_alarm(life))
        if self.alarm is not None:
            turn.handled_alarm = self.alarm
            await self._call(life)
            writes = turn.draft.writes
            if life.gate.alarm is self.alarm and writes.alarm is UNKNOWN:
                writes.alarm = None
        turn.outputs.append((self._answer, None, None))

    async def _call(self, life: Life) -> None:
        if life.hooks.on_alarm is not None:
            await life.hooks.on_alarm()
            return
        logger.warning(
            "%s has an alarm, but %s has no on_alarm; the alarm is cleared",
            life.key,
            type(life.room).__qualname__,
            extra={"action": "alarm_cleared", "room": str(life.key)},
        )

    def fail(self, life: Life, turn: Turn, error: Exception) -> bool:
        writes = self.put_off(life.gate, life.data.wall_clock(), error)
        if writes is not None:
            turn.draft.writes.merge(writes)
        turn.outputs.append((self._answer, None, None))
        return self.alarm is not None

    def put_off(self, gate: Gate, now: float, error: Exception) -> WriteSet | None:
        """
        What is to be written because the alarm could not be handled.

        None: nothing, for the alarm was not due, or is replaced by now.
        """
        alarm = self.alarm
        if alarm is None or gate.alarm is not alarm:
            return None
        failed_at = from_seconds(now)
        later = alarm.after_failure(
            failed_at, f"{type(error).__name__}: {text_of(error)}"
        )
        _tell(gate.claim.key, later, failed_at)
        writes = WriteSet()
        writes.alarm = replace(later, at=as_stored(later.at))
        return writes

    def abandon(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)

    def _answer(self, _: None) -> None:
        if not self.reply.done():
            self.reply.set_result(None)


async def _present_alarm(life: Life) -> Alarm | None:
    alarm = life.gate.alarm
    if alarm is not None and alarm.is_failed:
        # Somebody may have asked for another attempt, and told only the row.
        alarm = await life.data.store.alarm(life.claim.record)
        life.gate.reread_alarm(alarm)
    return life.gate.alarm


def meet(waiting: Iterable[Event], alarm: Alarm | None) -> None:
    """
    The room is started, and was claimed with this alarm.

    So the alarm is handled also if ``on_start`` sets the next one.
    """
    ring = _first_ring(waiting)
    if ring is not None:
        ring.meet(alarm)


async def put_off(
    waiting: Iterable[Event], gate: Gate, now: float, error: Exception
) -> None:
    """The room cannot be started: that is a failure of the alarm it is started for."""
    ring = _first_ring(waiting)
    writes = None if ring is None else ring.put_off(gate, now, error)
    if writes is not None:
        gate.add(writes)
        with suppress(RoomStopped):
            await gate.commit(None)


def _first_ring(waiting: Iterable[Event]) -> AlarmEvent | None:
    return next((event for event in waiting if isinstance(event, AlarmEvent)), None)


def _tell(key: RoomKey, later: Alarm, failed_at: datetime) -> None:
    if later.is_failed:
        logger.error(
            "The alarm of %s has failed %d times and is given up; once it is mended: "
            "manage.py rooms alarm %s --retry. %s",
            key,
            later.attempts,
            key,
            later.error,
            extra={"action": "alarm_failed", "room": str(key)},
        )
        return
    logger.warning(
        "The alarm of %s failed and is tried again in %g s: %s",
        key,
        (later.at - failed_at).total_seconds(),
        later.error,
        extra={"action": "alarm_put_off", "room": str(key)},
    )
