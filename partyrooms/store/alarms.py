"""Alarms as rows hold them: statements for many rooms at once, each blocking."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Concat

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import UNKNOWN
from partyrooms.models import Node, RoomRecord
from partyrooms.nodes.quarantine import not_quarantined
from partyrooms.ports.records import DueAlarm, RoomCommit
from partyrooms.timezones import as_project, as_utc

COLUMNS = ("alarm_at", "alarm_attempts", "alarm_error", "alarm_failed")

Rooms = QuerySet[RoomRecord]


def alarm_of(row: RoomRecord) -> Alarm | None:
    """The alarm that a row holds; None: it has none."""
    if row.alarm_at is None:
        return None
    return Alarm(
        at=as_utc(row.alarm_at),
        attempts=row.alarm_attempts,
        error=row.alarm_error,
        is_failed=row.alarm_failed,
    )


def write_alarms(rooms: Rooms, commits: Sequence[RoomCommit]) -> None:
    """Write what the commits say about alarms: two statements at most."""
    cleared: list[int] = []
    changed: list[RoomRecord] = []
    for commit in commits:
        alarm = commit.writes.alarm
        if alarm is None:
            cleared.append(commit.claim.record)
        elif alarm is not UNKNOWN:
            changed.append(RoomRecord(pk=commit.claim.record, **_columns(alarm)))
    if cleared:
        rooms.filter(pk__in=cleared).update(**_columns(None))
    if changed:
        rooms.bulk_update(changed, COLUMNS)


def find_due(
    database: str,
    node: UUID,
    until: datetime,
    *,
    now: datetime,
    parties: Collection[str],
    limit: int,
) -> list[DueAlarm]:
    """See ``Store.due_alarms``: one query, on an index of the alarms that are set."""
    nodes = Node.objects.using(database)
    living = nodes.filter(state=Node.State.ALIVE).exclude(pk=node).values("pk")
    rows = (
        RoomRecord.objects.using(database)
        .filter(alarm_failed=False, alarm_at__lte=as_project(until))
        # As an expression: SQLite would rather look through all rooms of a party, by
        # the unique index, than through the few whose alarm is due.
        .alias(party_name=Concat("party", Value("")))
        .filter(party_name__in=parties)
        .filter(not_quarantined(now))
        .exclude(owner__in=living)
        .order_by("alarm_at")
        .values_list("party", "room_id", "alarm_at", "owner_id")
    )
    return [
        DueAlarm(key=RoomKey(party, room_id), at=as_utc(at), is_own=owner == node)
        for party, room_id, at, owner in rows[:limit]
        if at is not None
    ]


def _columns(alarm: Alarm | None) -> dict[str, Any]:
    if alarm is None:
        values: tuple[Any, ...] = (None, 0, "", False)
    else:
        at = as_project(alarm.at)
        values = (at, alarm.attempts, alarm.error, alarm.is_failed)
    return dict(zip(COLUMNS, values, strict=True))
