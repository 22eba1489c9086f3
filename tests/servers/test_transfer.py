"""Ten thousand rooms from SQLite to Postgres, each way killed and begun again."""

import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from partyrooms.core.values import encode
from tests.deadline import DEADLINE
from tests.faults.lab.services import SETTINGS_MODULE, Postgres, SQLite
from tests.servers.database import ROOT, environment

ROOMS = 10_000
VALUES = (
    *(None, True, 2**70, 0.1, "é\n", b"\x00\xff", [1, (2, {3})], {"a": 1}),
    *(datetime(2030, 1, 1, tzinfo=UTC), date(2030, 1, 1), timedelta(1)),
    *(Decimal("1.10"), UUID(int=7)),
)
CONTENT = (
    "SELECT r.party, r.room_id, e.key, e.value FROM partyrooms_roomrecord r "
    "JOIN partyrooms_entry e ON e.room_id = r.id"
)


def start(database, *arguments):
    """``manage.py rooms``, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "django", "rooms", *arguments],
        cwd=ROOT,
        env={**environment(SETTINGS_MODULE, ROOT), "PARTYROOMS_DB": database.name},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_when(process, has_begun):
    """End a command by SIGKILL as soon as it has done a part of its work."""
    deadline = time.monotonic() + DEADLINE
    while not has_begun():
        assert process.poll() is None, "it was done before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode < 0


def finish(process):
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, output
    return output


def fill(database):
    insert = "INSERT INTO partyrooms_roomrecord (party, room_id, epoch, version, "
    insert += "stop_requested, locked, blocked_count, alarm_attempts, alarm_error, "
    insert += "alarm_failed, gateways, created_at) WITH RECURSIVE n(i) AS (SELECT 1 "
    insert += "UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    insert += "SELECT 'chat', 'r' || i, 0, 0, 0, 0, 0, 0, '', 0, '[]', ? FROM n"
    database.execute(insert, ROOMS, "2030-01-01 00:00:00")
    for number, value in enumerate(VALUES):
        database.execute(
            "INSERT INTO partyrooms_entry (room_id, key, value) "
            "SELECT id, ?, ? FROM partyrooms_roomrecord WHERE id % ? = ?",
            *(f"key {number}".encode(), encode(value), len(VALUES), number),
        )


def content(database):
    return sorted((*row[:2], *map(bytes, row[2:])) for row in database.execute(CONTENT))


def test_o11_rooms_are_carried_to_another_database(tmp_path):
    """O11: export and import, killed in the midst and resumed: equal content."""
    file = tmp_path / "rooms.jsonl"
    origin, target = SQLite(), Postgres()
    fill(origin)

    killed = start(origin, "export", str(file))
    kill_when(killed, lambda: file.exists() and file.stat().st_size > 100_000)
    finish(start(origin, "export", str(file), "--resume"))
    killed = start(target, "import", str(file))
    rows = "SELECT count(*) FROM partyrooms_roomrecord"
    kill_when(killed, lambda: target.execute(rows)[0][0] > 0)
    told = finish(start(target, "import", str(file)))

    assert " left alone" in told
    assert target.execute(rows) == [(ROOMS,)]
    assert content(target) == content(origin)
