"""What is looked for twice a second costs the same, whatever else is in the tables."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db import connections
from django.test.utils import CaptureQueriesContext

from partyrooms.core.keys import RoomKey
from partyrooms.models import Node, RoomRecord, Seats
from partyrooms.store.alarms import find_due
from partyrooms.store.seats import find_deserted

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
MANY = 100_000

ROOMS = """
    INSERT INTO partyrooms_roomrecord (
        party, room_id, owner_id, epoch, version, stop_requested, locked, blocked_count,
        alarm_at, alarm_attempts, alarm_error, alarm_failed, gateways, created_at
    )
    WITH RECURSIVE numbers(n) AS (
        SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s
    )
    SELECT party, %s || n, owner_id, 1, 1, stop_requested, locked, 0, alarm_at, 0, '',
        alarm_failed, gateways, created_at
    FROM numbers, (SELECT * FROM partyrooms_roomrecord WHERE id = %s) AS room
"""

SEATS = """
    INSERT INTO partyrooms_seats (room_id, node_id, party, profiles)
    SELECT id, owner_id, party, %s FROM partyrooms_roomrecord
    WHERE party = %s AND owner_id = %s
"""


def filled(alias):
    """100,000 due alarms of each kind that cannot ring here, and a few that can."""
    alive, dead, own = (
        Node.objects.using(alias).create(host="elsewhere", pid=pid, state=state)
        for pid, state in ((1, "alive"), (2, "dead"), (3, "alive"))
    )
    rooms = RoomRecord.objects.using(alias)
    at = NOW - timedelta(hours=1)
    with connections[alias].cursor() as cursor:
        for party, owner in (("chat", alive), ("gone", None), ("gone", dead)):
            room_id = str(uuid4())
            row = rooms.create(party=party, room_id=room_id, owner=owner, alarm_at=at)
            cursor.execute(ROOMS, [MANY, f"{room_id} ", row.pk])
        left = [b"profiles", "gone", dead.pk.hex if is_sqlite(alias) else dead.pk]
        cursor.execute(SEATS, left)
        for number, owner in enumerate((None, own, dead)):
            rooms.create(party="chat", room_id=f"{number}", owner=owner, alarm_at=NOW)
        here = rooms.create(party="chat", room_id="deserted", owner=None)
        seats = Seats.objects.using(alias)
        seats.create(room=here, node=dead, party="chat", profiles=b"1")
        if not is_sqlite(alias):  # It has statistics only if somebody asks for them.
            cursor.execute("ANALYZE")
    return own.pk


def is_sqlite(alias):
    return connections[alias].vendor == "sqlite"


def plan_of(alias, sql):
    explain = "EXPLAIN QUERY PLAN" if is_sqlite(alias) else "EXPLAIN"
    with connections[alias].cursor() as cursor:
        cursor.execute(f"{explain} {sql}")
        return [row[-1] for row in cursor.fetchall()]


def whole_tables(plan):
    """The steps that read all rows of rooms, or of seats, or all of an index."""
    scans = [step for step in plan if "Seq Scan" in step or step.startswith("SCAN")]
    # SQLite gives their aliases. The few nodes may be read.
    of_nodes = [one for one in scans if "partyrooms_node" in one or one == "SCAN U0"]
    return [one for one in scans if one not in of_nodes[:1]]


async def test_r40_looks_read_no_row_that_cannot_be_woken_here(database):
    """R40, R13: owners that are alive elsewhere, and parties that are gone."""
    await asyncio.to_thread(look_at_many, database.alias)


def look_at_many(alias):
    own = filled(alias)
    looking = {"now": NOW, "parties": ["chat", "x"], "limit": 400}

    with CaptureQueriesContext(connections[alias]) as queries:
        due = find_due(alias, own, NOW, **looking)
        deserted = find_deserted(alias, **looking)

    assert {one.key.room_id for one in due} == {"0", "1", "2"}
    assert deserted == [RoomKey("chat", "deserted")]
    plans = [plan_of(alias, query["sql"]) for query in queries]
    assert [whole_tables(plan) for plan in plans] == [[], []], plans
    connections.close_all()
