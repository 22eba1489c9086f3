"""Rooms as lines: what comes back, what is refused, what stays as it is."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from io import StringIO
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from partyrooms.core.values import decode, encode
from partyrooms.models import Entry, Node, RoomRecord

pytestmark = pytest.mark.django_db

EVERY_TYPE = {
    "none": None,
    "bool": True,
    "int": 2**70,
    "float": 0.1,
    "str": "é\u2028\r\n",
    "bytes": b"\x00\xff",
    "list": [1, (2, {3})],
    "dict": {"a": Decimal("1.10")},
    "datetime": datetime(2030, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    "naive": datetime(2030, 1, 1),
    "date": date(2030, 1, 1),
    "time": time(1, 2, tzinfo=timezone(timedelta(hours=1))),
    "timedelta": timedelta(days=-1, microseconds=1),
    "uuid": UUID(int=7),
}
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def make_room(room_id="tea", party="chat", owner=None, **values):
    room = RoomRecord.objects.create(party=party, room_id=room_id, owner=owner)
    for key, value in values.items():
        Entry.objects.create(room=room, key=key.encode(), value=encode(value))
    return room


def run(*arguments):
    output = StringIO()
    call_command("rooms", *arguments, stdout=output)
    return output.getvalue()


def entries_of(room_id="tea"):
    rows = Entry.objects.filter(room__room_id=room_id)
    return {row.key_text: decode(bytes(row.value)) for row in rows}


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "rooms.jsonl")


def test_o11_a_room_comes_back_with_every_type(file):
    """O11: equal and of the same type, with its alarm and its age."""
    room = make_room(**EVERY_TYPE)
    RoomRecord.objects.update(alarm_at=NOON, alarm_attempts=2, alarm_error="no: é")
    before = RoomRecord.objects.get()
    run("export", file)
    room.delete()

    told = json.loads(run("import", file, "--json"))

    after = RoomRecord.objects.get()
    columns = ("party", "room_id", "alarm_at", "alarm_attempts", "alarm_error")
    assert told == {"made": 1, "replaced": 0, "left_alone": 0}
    assert entries_of() == EVERY_TYPE
    assert {k: type(v) for k, v in entries_of().items()} == {
        k: type(v) for k, v in EVERY_TYPE.items()
    }
    assert all(getattr(after, one) == getattr(before, one) for one in columns)
    assert after.created_at == before.created_at
    assert (after.epoch, after.owner) == (0, None)


def test_o11_without_use_tz_times_come_back(file, settings):
    """O11: a file has moments; a project's rows may be in its own time zone."""
    settings.USE_TZ = False
    settings.TIME_ZONE = "Asia/Tokyo"
    make_room()
    noon = datetime(2030, 1, 1, 12)
    RoomRecord.objects.update(alarm_at=noon)

    run("export", file)
    RoomRecord.objects.all().delete()
    run("import", file)

    with open(file, encoding="utf-8") as lines:
        assert json.loads(next(lines))["alarm_at"] == "2030-01-01T03:00:00+00:00"
    assert RoomRecord.objects.get().alarm_at == noon


def test_o11_a_room_that_exists_is_left_alone(file):
    """O11: so that an interrupted import is run again; --replace is to be said."""
    make_room(topic="old", other=1)
    run("export", file)
    Entry.objects.filter(key=b"topic").update(value=encode("new"))
    Entry.objects.create(room=RoomRecord.objects.get(), key=b"later", value=encode(1))

    kept = run("import", file)
    after_keeping = entries_of()
    replaced = run("import", file, "--replace")

    assert kept == "0 rooms imported, 0 replaced, 1 left alone: they exist or run.\n"
    assert after_keeping["topic"] == "new"
    assert replaced == "0 rooms imported, 1 replaced.\n"
    assert entries_of() == {"topic": "old", "other": 1}


def test_o11_a_room_that_runs_is_not_replaced(file):
    """O11: its owner would not read it again, and write over it."""
    make_room(topic="old")
    run("export", file)
    owner = Node.objects.create(host="elsewhere", pid=42)
    RoomRecord.objects.update(owner=owner)
    Entry.objects.update(value=encode("new"))

    told = run("import", file, "--replace")

    assert "1 left alone" in told
    assert entries_of() == {"topic": "new"}


def test_o11_an_export_goes_on_behind_its_last_whole_room(file):
    """O11: a room of which a part was written is written again."""
    for number in range(3):
        make_room(f"r{number}", n=number)
    run("export", file)
    with open(file, encoding="utf-8") as lines:
        whole = lines.read()
    cut = whole.index('{"end":"chat/r1"') + 5
    with open(file, "w", encoding="utf-8") as lines:
        lines.write(whole[:cut])

    run("export", file, "--resume")

    with open(file, encoding="utf-8") as lines:
        assert lines.read() == whole


def test_o11_only_whole_rooms_are_imported(file):
    """O11: of a file that ends in a room, the rooms before it."""
    make_room("a", n=1)
    make_room("b", n=2)
    lines = run("export").splitlines(keepends=True)
    RoomRecord.objects.all().delete()
    with open(file, "w", encoding="utf-8") as cut:
        cut.writelines(lines[:-1])

    run("import", file)

    assert [str(room) for room in RoomRecord.objects.all()] == ["chat/a"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("no JSON", "Expecting value"),
        ('{"key":"a","value":"wA=="}', "does not follow"),
        ('{"room":"chat","created_at":null}', "A room has alarm_at"),
        ("[1]", "does not follow"),
    ],
)
def test_a_line_that_is_none_is_named(file, line, text):
    """With its number, and why."""
    make_room("a")
    with open(file, "w", encoding="utf-8") as lines:
        lines.write(f"{run('export')}{line}\n")

    with pytest.raises(CommandError, match=f"Line 3 is not .*{text}"):
        run("import", file)


def test_a_value_that_cannot_be_read_is_not_stored(file):
    """A hook would fail with it later, far from the cause."""
    make_room("a", n=1)
    row, _, end = run("export").splitlines()
    with open(file, "w", encoding="utf-8") as lines:
        lines.write(f'{row}\n{{"key":"n","value":"wQ=="}}\n{end}\n')

    with pytest.raises(CommandError, match=r"Line 2 .*no storage value"):
        run("import", file)


def test_an_export_is_not_written_over(file):
    """The error names what goes on with it."""
    run("export", file)

    with pytest.raises(CommandError, match="--resume"):
        run("export", file)


def test_rooms_are_exported_by_party():
    """Of the others not a line."""
    make_room("a", party="chat")
    make_room("b", party="game")

    lines = [json.loads(one) for one in run("export", "--party", "game").splitlines()]

    assert [one["room"] for one in lines if "room" in one] == ["game/b"]


@pytest.mark.parametrize("action", ["import", "export"])
def test_a_file_that_cannot_be_opened_is_named(action, tmp_path):
    """Without a traceback."""
    missing = str(tmp_path / "none" / "rooms.jsonl")

    with pytest.raises(CommandError, match=r"none/rooms\.jsonl cannot be"):
        run(action, missing)
