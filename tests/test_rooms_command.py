"""``manage.py rooms``: what it prints, what it refuses."""

import asyncio
import json
import os
import threading
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from partyrooms import Room, registry
from partyrooms.api.parties import Stub
from partyrooms.core.values import encode
from partyrooms.exceptions import RoomElsewhere
from partyrooms.models import CronRecord, Entry, Node, RoomRecord
from partyrooms.nodes.process import host
from partyrooms.testing import running_room
from tests.deadline import DEADLINE

pytestmark = pytest.mark.django_db


def run(*arguments):
    output = StringIO()
    call_command("rooms", *arguments, stdout=output)
    return output.getvalue()


def make_room(room_id="lobby", party="chat", owner=None, **values):
    room = RoomRecord.objects.create(party=party, room_id=room_id, owner=owner)
    for key, value in values.items():
        Entry.objects.create(room=room, key=key.encode(), value=encode(value))
    return room


def node(state="alive", **fields):
    return Node.objects.create(
        **{"host": "elsewhere", "pid": 42, "state": state, **fields}
    )


def test_rooms_are_listed_in_columns():
    """Sorted, aligned, with owner and sizes."""
    make_room("lobby", owner=node(), a="x")
    make_room("a-longer-one")

    assert run("list").splitlines() == [
        "ROOM               OWNER               EPOCH  VERSION  ENTRIES  BYTES",
        "chat/a-longer-one  nobody                  0        0        0      0",
        "chat/lobby         process 42 (alive)      0        0        1      3",
    ]


def test_o11_programs_get_json():
    """O11: with the same facts as people, and an object for each entry."""
    make_room(owner=node(), topic="tea")

    (room,) = map(json.loads, run("list", "--json").splitlines())
    shown, entry = map(json.loads, run("show", "chat/lobby", "--json").splitlines())

    assert (room["room"], room["entries"]) == ("chat/lobby", 1)
    assert (shown["room"], shown["stop_requested"]) == ("chat/lobby", False)
    assert entry == {"key": "topic", "size": 9, "value": "'tea'"}
    assert run("list", "--party", "none", "--json") == ""


class FirstLine(StringIO):
    """Notes how many queries there were when the first line came."""

    queries = 0

    def write(self, text):
        self.queries = self.queries or len(connection.queries_log)
        return super().write(text)


def test_however_many_rooms_there_are_the_list_begins_at_once(monkeypatch):
    """A million of them are neither waited for nor held in memory."""
    monkeypatch.setattr("partyrooms.management.console.records.PIECE", 2)
    owner, output = node(), FirstLine()
    for number in range(5):
        make_room(f"r{number}", owner=owner, a="x" * 10**number)

    with CaptureQueriesContext(connection) as queries:
        call_command("rooms", "list", stdout=output)

    lines = output.getvalue().splitlines()
    assert [one.split()[0] for one in lines[1:]] == [f"chat/r{n}" for n in range(5)]
    assert [one.split()[-1] for one in lines[1:]] == ["3", "12", "103", "1004", "10004"]
    # The tables, the rooms, the owner, and the sizes of each piece.
    before = output.queries - queries.initial_queries
    assert len(queries) - before == 2


def test_rooms_are_listed_by_party():
    """None is an answer, too."""
    make_room("a", party="chat")
    make_room("b", party="game")

    assert "game/b" in run("list", "--party", "game")
    assert "chat/a" not in run("list", "--party", "game")
    assert run("list", "--party", "none") == "No rooms.\n"


def test_a_room_is_shown_with_its_entries():
    """What a terminal would obey is escaped; broken bytes break nothing."""
    room = make_room(topic=["a\x1b[2J"])
    Entry.objects.create(room=room, key=b"\x1b]", value=b"\xc1")

    output = run("show", "chat/lobby")

    assert "owner           nobody" in output
    assert "entries         2\n" in output
    assert "topic = ['a\\x1b[2J']" in output
    assert "cannot be decoded" in output
    assert "\x1b" not in output


@pytest.mark.parametrize("action", ["show", "stop", "delete", "alarm"])
def test_an_unknown_room_is_said_to_be_unknown(action):
    """No room is made by asking for it."""
    with pytest.raises(CommandError, match="There is no room chat/lobby"):
        run(action, "chat/lobby")

    assert not RoomRecord.objects.exists()


@pytest.mark.parametrize("key", ["lobby", "chat/", "Chat/lobby", "chat/a/b"])
def test_a_key_that_is_none_is_explained(key):
    """The text says what is allowed."""
    with pytest.raises(CommandError, match=r"write party/room-id|allowed are"):
        run("show", key)


def test_stopping_a_room_that_nobody_owns():
    """An earlier request is cleared with it."""
    room = make_room()
    RoomRecord.objects.update(stop_requested=True)

    output = run("stop", "chat/lobby")

    room.refresh_from_db()
    assert output == "chat/lobby was not running.\n"
    assert not room.stop_requested


def test_stopping_a_room_of_a_dead_node():
    """Nobody would answer; the room is released at once."""
    room = make_room(owner=node(state="dead"))

    run("stop", "chat/lobby")

    room.refresh_from_db()
    assert room.owner is None


def test_stopping_a_room_whose_process_is_gone():
    """Its row still says alive; the process of this host is looked at."""
    gone = node(host=host(), pid=os.getpid(), pid_started="of an earlier process")
    room = make_room(owner=gone)

    run("stop", "chat/lobby")

    room.refresh_from_db()
    gone.refresh_from_db()
    assert room.owner is None
    assert gone.state == "dead"


def test_a_room_that_does_not_stop_in_time():
    """The error says who owns it and that the request stays."""
    room = make_room(owner=node())

    with pytest.raises(CommandError, match=r"process 42 .*The request stays"):
        run("stop", "chat/lobby", "--timeout", "0")

    room.refresh_from_db()
    assert room.stop_requested


@pytest.mark.django_db(transaction=True)
def test_stopping_waits_for_the_owner():
    """The owner sees the request, and the command its answer."""
    make_room(owner=node())
    asked = threading.Event()

    def own():
        try:
            requested = RoomRecord.objects.filter(stop_requested=True)
            for _ in range(int(DEADLINE / 0.02)):
                if requested.exists():
                    asked.set()
                    requested.update(owner=None, stop_requested=False)
                    return
                threading.Event().wait(0.02)
        finally:
            connections.close_all()

    owner = threading.Thread(target=own)
    owner.start()
    output = run("stop", "chat/lobby", "--timeout", str(DEADLINE))
    owner.join()

    assert asked.is_set()
    assert output == "chat/lobby has stopped.\n"


def test_a_room_is_deleted_with_its_entries():
    """Its neighbours stay."""
    make_room(a=1)
    make_room("kitchen", b=2)

    output = run("delete", "chat/lobby")

    assert output == "chat/lobby is deleted.\n"
    assert [str(room) for room in RoomRecord.objects.all()] == ["chat/kitchen"]
    assert [str(entry) for entry in Entry.objects.all()] == ["b"]


def test_a_room_with_a_living_owner_is_not_deleted():
    """It would be written again; the error says what to do first."""
    make_room(owner=node())

    with pytest.raises(CommandError, match="rooms stop chat/lobby"):
        run("delete", "chat/lobby")

    assert RoomRecord.objects.exists()


NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({}, "none"),
        ({"alarm_at": NOON}, "due 2030-01-01 12:00:00+00:00"),
        (
            {"alarm_at": NOON, "alarm_attempts": 2, "alarm_error": "ValueError: no"},
            "due 2030-01-01 12:00:00+00:00 after 2 failed attempts: ValueError: no",
        ),
        (
            {"alarm_at": NOON, "alarm_attempts": 7, "alarm_failed": True},
            "given up 2030-01-01 12:00:00+00:00 after 7 failed attempts: ",
        ),
    ],
)
def test_an_alarm_is_described(columns, text):
    """By its own action, and among all that is known of a room."""
    make_room()
    RoomRecord.objects.update(**columns)

    assert run("alarm", "chat/lobby") == f"chat/lobby: {text}\n"
    assert f"alarm           {text}" in run("show", "chat/lobby")


def test_r40_a_failed_alarm_is_retried():
    """R40: at once, with all attempts anew."""
    room = make_room()
    RoomRecord.objects.update(alarm_at=NOON, alarm_attempts=7, alarm_failed=True)

    output = run("alarm", "chat/lobby", "--retry")

    room.refresh_from_db()
    assert output.startswith("chat/lobby: rung by the process that has it")
    assert (room.alarm_failed, room.alarm_attempts) == (False, 0)
    assert room.alarm_at < NOON


def test_an_alarm_that_has_not_failed_is_not_retried():
    """It rings by itself."""
    make_room()
    RoomRecord.objects.update(alarm_at=NOON)

    with pytest.raises(CommandError, match="no alarm that was given up: due 2030"):
        run("alarm", "chat/lobby", "--retry")

    assert RoomRecord.objects.get().alarm_at == NOON


@pytest.fixture
def report(monkeypatch):
    """A class with two crons; it keeps what it is told, and raises on demand."""
    monkeypatch.setattr(registry, "_classes", {})

    class Report(Room):
        crons = {"nightly": "0 3 * * *", "broken": "0 3 * * *"}  # noqa: RUF012
        told = []  # noqa: RUF012

        @classmethod
        async def on_cron(cls, cron, lobby):
            cls.told.append(cron)
            if cron.name == "broken":
                raise ValueError("as asked")

    return Report


def test_b10_a_cron_is_run_by_hand(report):
    """B10: it is told the present time; nothing is written down about it."""
    before = now().replace(microsecond=0)

    output = run("cron", "report/nightly")

    (cron,) = report.told
    assert output == "report/nightly has run.\n"
    assert (cron.name, cron.expression) == ("nightly", "0 3 * * *")
    assert before <= cron.scheduled_at <= now()
    assert not CronRecord.objects.exists()


def test_b10_what_a_cron_raises_by_hand_is_raised(report):
    """B10: whoever has run it sees the traceback."""
    with pytest.raises(ValueError, match="as asked"):
        run("cron", "report/broken")


def test_b10_a_cron_that_is_none_is_refused(report):
    """B10: with those that there are."""
    known = "there are: report/nightly, report/broken"

    with pytest.raises(CommandError, match=f"no cron nightly; {known}"):
        run("cron", "nightly")

    assert report.told == []


def test_a_database_without_tables_is_to_be_migrated(monkeypatch):
    """A project that was not migrated gets the command that does it."""
    monkeypatch.setattr(RoomRecord._meta, "db_table", "partyrooms_of_tomorrow")

    with pytest.raises(CommandError, match=r"manage\.py migrate$"):
        run("list")


def test_an_unknown_database_is_told():
    """With those that there are."""
    with pytest.raises(CommandError, match="no alias 'nowhere'; it has default"):
        run("--database", "nowhere", "list")


def test_the_database_is_that_of_the_rooms(settings):
    """Where no other one is named: PARTYROOMS['DATABASE']."""
    settings.PARTYROOMS = {"DATABASE": "rooms"}

    with pytest.raises(CommandError, match="no alias 'rooms'"):
        run("list")


def test_a_database_that_fails_is_told(monkeypatch):
    """Without a traceback: it may be down."""

    def fail():
        raise OperationalError("connection refused")

    monkeypatch.setattr(connections["default"].introspection, "table_names", fail)

    with pytest.raises(CommandError, match="'default' failed: connection refused"):
        run("list")


class Told(Room):
    """Is told something by the command."""

    party = "command-told"


async def test_a_text_is_broadcast():
    """To every connection, as it is; from a thread without an event loop."""
    async with running_room(Told, "lobby") as room:
        alice = await room.connect("alice")

        output = await asyncio.to_thread(
            run, "broadcast", "command-told/lobby", "5 minutes, é"
        )

        assert output == "command-told/lobby has it.\n"
        assert alice.received == ["5 minutes, é"]


@pytest.mark.parametrize(
    ("key", "text"),
    [("nobody/lobby", "no party named 'nobody'"), ("command-told/..", "room id")],
)
def test_a_room_that_cannot_be_is_not_told_anything(key, text):
    """The message says what is wrong with the key."""
    with pytest.raises(CommandError, match=text):
        run("broadcast", key, "hello")


async def test_a_room_that_cannot_be_reached_is_said_to_be(monkeypatch):
    """Without a traceback: the text says what to configure."""

    async def broadcast(self, message):
        raise RoomElsewhere("Give both processes the same channel layer.")

    monkeypatch.setattr(Stub, "broadcast", broadcast)
    with pytest.raises(CommandError, match="the same channel layer"):
        await asyncio.to_thread(run, "broadcast", "command-told/lobby", "hello")
