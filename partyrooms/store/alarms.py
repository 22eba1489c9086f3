"""Alarms as rows hold them: statements for many rooms at once, each blocking."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

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
    """
    See ``Store.due_alarms``: one query, which reads what may be rung and no more.

    Its parts are for rooms without an owner, for own rooms, and for those of dead
    nodes. So an index has the first ones of each part, whatever else is due: rooms
    that are awake elsewhere, and parties that are gone.
    """
    rooms = RoomRecord.objects.using(database)
    dead = Node.objects.using(database).filter(state=Node.State.DEAD).values("pk")
    due = rooms.filter(alarm_failed=False, alarm_at__lte=as_project(until))
    due = due.filter(not_quarantined(now))
    owned = [
        due.filter(owner=node, party__in=parties).order_by("alarm_at"),
        due.filter(owner__in=dead, party__in=parties).order_by("alarm_at"),
    ]
    free = due.filter(owner=None)
    # Django takes longer to make a part for each party than SQLite to find nothing in
    # them: these are made only if there is more than may be taken, so that no party
    # starves. Postgres would read the table for all, as it expects to find enough.
    is_one_part = connections[database].vendor == "sqlite"
    found = []
    if is_one_part:
        found = _firsts(database, [free.filter(party__in=parties), *owned], limit)
    if len(found) >= limit or not is_one_part:
        # In the index's whole order: for Postgres, NULL is no one value of a column.
        ordered = free.order_by("owner_id", "party", "alarm_at")
        of_each = [ordered.filter(party=party) for party in sorted(parties)]
        found = _firsts(database, [*of_each, *owned], limit)
    alarms = [
        DueAlarm(key=RoomKey(party, room_id), at=as_utc(at), is_own=owner == node)
        for party, room_id, at, owner in found
    ]
    return sorted(alarms, key=lambda one: one.at)[:limit]


def _firsts(database: str, parts: Sequence[Rooms], limit: int) -> list[Any]:
    """The first rooms of each part, in one query."""
    columns = ("party", "room_id", "alarm_at", "owner_id")
    if connections[database].features.supports_slicing_ordering_in_compound:
        firsts = [part.values_list(*columns)[:limit] for part in parts]
    else:  # SQLite looks a primary key up, rather than to read all rooms.
        rooms = RoomRecord.objects.using(database)
        pks = [part.values("pk")[:limit] for part in parts]
        firsts = [rooms.filter(pk__in=one).values_list(*columns) for one in pks]
    return list(firsts[0].union(*firsts[1:], all=True))


def _columns(alarm: Alarm | None) -> dict[str, Any]:
    if alarm is None:
        values: tuple[Any, ...] = (None, 0, "", False)
    else:
        at = as_project(alarm.at)
        values = (at, alarm.attempts, alarm.error, alarm.is_failed)
    return dict(zip(COLUMNS, values, strict=True))
