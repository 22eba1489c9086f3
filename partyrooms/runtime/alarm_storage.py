"""The part of ``Room.storage`` that is about the room's one alarm."""

from datetime import datetime, timedelta

from partyrooms.core.alarm import Alarm
from partyrooms.core.writes import BUFFERED, UNKNOWN, Buffered
from partyrooms.runtime.data import RoomData
from partyrooms.timezones import as_project, as_stored, as_utc, from_seconds


class AlarmStorage:
    """
    When the room is woken by ``on_alarm``; it has one alarm, or none.

    A change is a write like ``put``: part of the turn, and dropped with it.
    """

    _data: RoomData

    def set_alarm(self, when: datetime | timedelta) -> Buffered:
        """
        Have ``on_alarm`` called then; the awaitable may be ignored.

        It replaces the alarm that is set, also one that was given up.

        Args:
            when: A time on the wall clock, or how long from now. What has passed is
                due at once. A naive datetime is in ``TIME_ZONE``.

        Raises:
            OverflowError: If no datetime of every time zone is as early, or as late.
            TypeError: If it is neither.
        """
        self._write_alarm(Alarm(at=as_stored(self._moment(when))))
        return BUFFERED

    async def get_alarm(self) -> datetime | None:
        """
        When the alarm is due next, as the project's models hold times.

        None: there is none, or it was given up. Inside of ``on_alarm`` None stands for
        the alarm that is being handled.
        """
        draft = self._data.open_draft()
        alarm = self._data.gate.alarm
        if draft is not None and alarm is draft.turn.handled_alarm:
            alarm = None
        for layer in [] if draft is None else draft.layers():
            if layer.alarm is not UNKNOWN:
                alarm = layer.alarm
        if alarm is None or alarm.is_failed:
            return None
        return as_project(alarm.at)

    def delete_alarm(self) -> Buffered:
        """Have no alarm, whether one is set or not; the awaitable may be ignored."""
        self._write_alarm(None)
        return BUFFERED

    def _write_alarm(self, alarm: Alarm | None) -> None:
        with self._data.writing() as draft:
            draft.writes.alarm = alarm

    def _moment(self, when: datetime | timedelta) -> datetime:
        if isinstance(when, timedelta):
            return from_seconds(self._data.wall_clock()) + when
        if isinstance(when, datetime):
            return as_utc(when)
        raise TypeError(
            f"set_alarm takes a datetime, or a timedelta from now, not "
            f"{type(when).__name__} ({when!r:.64}): write "
            "set_alarm(timedelta(seconds=30))."
        )
