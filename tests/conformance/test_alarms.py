"""SPEC 5: alarms (S10, R16, R40)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from tests.deadline import DEADLINE
from tests.servers.command import manage
from tests.servers.database import execute
from tests.servers.process import serve
from tests.servers.site.journal import note
from tests.servers.visitor import Room, visit

ALARM = """
    SELECT alarm_at, alarm_attempts, alarm_failed, alarm_error
    FROM partyrooms_roomrecord WHERE party = ? AND room_id = ?
"""


def row_of(room):
    """What a room's row says about its alarm."""
    rows = execute(room.visitor.server.database, ALARM, room.party, room.room_id)
    return rows[0]


def make_due(database, room_id, attempts=0):
    """Let the alarm of a room that nobody runs be due, as if time had passed."""
    execute(
        database,
        "UPDATE partyrooms_roomrecord SET alarm_at = ?, alarm_attempts = ?"
        " WHERE room_id = ?",
        str(datetime.now(UTC).replace(tzinfo=None)),
        attempts,
        room_id,
    )


async def left_memory(room):
    """Wait until nobody runs a room; a file tells nobody of its changes."""
    query = """
        SELECT owner_id FROM partyrooms_roomrecord WHERE party = ? AND room_id = ?
    """
    database = room.visitor.server.database
    async with asyncio.timeout(DEADLINE):
        while execute(database, query, room.party, room.room_id) != [(None,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_s10_an_alarm_is_part_of_the_turns_writes(define):
    """`set_alarm`, `get_alarm`, `delete_alarm` see the turn's own change."""

    class Timer(Room):
        async def on_request(self, request):
            storage = self.storage
            seen = [await storage.get_alarm()]
            storage.set_alarm(timedelta(days=1))
            first = await storage.get_alarm()
            await storage.set_alarm(datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC))
            seen.append(str(await storage.get_alarm()))
            try:
                async with storage.transaction():
                    storage.delete_alarm()
                    seen.append(await storage.get_alarm())
                    raise ValueError
            except ValueError:
                seen.append(str(await storage.get_alarm()))
            await storage.delete_alarm()
            seen.append(await storage.get_alarm())
            return [first > datetime.now(UTC), seen]

    room = await define(Timer)

    at = "2040-01-02 03:04:05+00:00"
    assert await room.data() == [True, [None, at, None, at, None]]
    assert row_of(room) == (None, 0, 0, "")


async def test_s10_one_alarm_that_outlives_its_room(define):
    """Setting replaces; a failed turn changes nothing; `delete_all` deletes it."""

    class Timer(Room):
        async def on_request(self, request):
            if request.method == "PUT":
                self.storage.set_alarm(datetime(2040, 1, 1, tzinfo=UTC))
                self.storage.set_alarm(datetime(2041, 1, 1, tzinfo=UTC))
            if request.method == "POST":
                self.storage.set_alarm(datetime(2042, 1, 1, tzinfo=UTC))
                raise ValueError
            if request.method == "DELETE":
                self.storage.delete_all()
            if request.method == "PATCH":
                await self.parties[self.party].get(request.data["stop"]).stop()
            return str(await self.storage.get_alarm())

    room = await define(Timer)

    await room.request("PUT")
    assert (await room.request("POST")).status_code == 500
    await room.other().request("PATCH", json={"stop": room.room_id})
    assert (await room.request()).text == "2041-01-01 00:00:00+00:00"
    assert (await room.request("DELETE")).text == "None"


@pytest.mark.parametrize("use_tz", [True, False])
async def test_s10_a_naive_datetime_is_in_time_zone(kind, use_tz):
    """`get_alarm` gives what the project's models hold, as `USE_TZ` says."""

    class Timer(Room):
        async def on_request(self, request):
            self.storage.set_alarm(datetime(2040, 1, 1, 21))
            return str(await self.storage.get_alarm())

    settings = {"USE_TZ": use_tz, "TIME_ZONE": "Asia/Tokyo"}
    async with serve(kind, settings=settings) as server, visit(server) as visitor:
        room = await visitor.define(Timer)

        seen = (await room.request()).text
        assert seen == "2040-01-01 " + ("12:00:00+00:00" if use_tz else "21:00:00")


async def test_s10_what_is_no_time_is_refused(define):
    """A `TypeError` that says what to write."""

    class Timer(Room):
        async def on_request(self, request):
            try:
                self.storage.set_alarm(30)
            except TypeError as error:
                return str(error)

    room = await define(Timer)

    assert "timedelta(seconds=30)" in (await room.request()).text


async def test_r16_on_alarm_is_called_when_the_time_has_come(define):
    """With `self.id` and `self.parties`; whoever is connected hears what it sends."""

    class Timer(Room):
        async def on_message(self, message, sender):
            self.storage.set_alarm(timedelta(seconds=0.3))

        async def on_alarm(self):
            other = await self.parties[self.party].get("other").fetch("/")
            self.broadcast_json([self.id, await self.storage.get_alarm(), other.data])

        async def on_request(self, request):
            return {"other": self.id}

    room = await define(Timer)
    alice = await room.join("alice")

    await alice.send("go")

    assert await alice.receive_json() == [room.room_id, None, {"other": "other"}]
    assert row_of(room) == (None, 0, 0, "")


async def test_r16_on_alarm_may_be_a_plain_function(define):
    """It runs in a thread, where the ORM's sync API may be used."""

    class Timer(Room):
        async def on_message(self, message, sender):
            self.storage.set_alarm(timedelta(0))

        def on_alarm(self):
            self.broadcast(f"{User.objects.filter(username='nobody').count()} users")

    room = await define(Timer)
    alice = await room.join("alice")

    await alice.send("go")

    assert await alice.receive() == "0 users"


async def test_r16_without_on_alarm_it_is_logged_and_cleared(define, visitor):
    """Nothing else could ever be done about it."""

    class Timer(Room):
        async def on_request(self, request):
            self.storage.set_alarm(timedelta(0))

    room = await define(Timer)
    await room.request()

    line = await visitor.server.wait_for_log(rf"{room.key} has an alarm")

    assert "[alarm_cleared]" in line


async def test_r40_it_is_on_time_where_the_room_runs(define):
    """Not before its time; the lateness is printed, and is no verdict."""

    class Timer(Room):
        async def on_message(self, message, sender):
            self.storage.set_alarm(datetime.now(UTC) + timedelta(seconds=1))
            self.due = await self.storage.get_alarm()

        async def on_alarm(self):
            late = datetime.now(UTC) - self.due
            self.broadcast_json(late.total_seconds())

    room = await define(Timer)
    alice = await room.join("alice")

    await alice.send("go")
    late = await alice.receive_json()

    print(f"late by {late:.3f} s")  # noqa: T201
    assert late >= -0.01


async def test_r40_it_wakes_a_room_that_is_not_in_memory(hasty):
    """A new life: `on_start`, then `on_alarm`."""

    class Timer(Room):
        async def on_start(self):
            note(self.id, "start")

        async def on_request(self, request):
            self.storage.set_alarm(timedelta(days=1))

        async def on_alarm(self):
            note(self.id, "alarm")

    room = await hasty.define(Timer)
    await room.request()
    await left_memory(room)
    make_due(hasty.server.database, room.room_id)

    notes = await room.notes("alarm")

    assert notes == [["start"], ["start"], ["alarm"]]


async def test_r40_a_failure_is_retried_and_stores_nothing(define):
    """After 2 s, then 4; the retry's time is in the row; `on_exception` hears of it."""

    class Timer(Room):
        failures = 0

        async def on_request(self, request):
            if request.method == "POST":
                self.storage.set_alarm(timedelta(0))
                return None
            return await self.storage.list()

        async def on_alarm(self):
            count = await self.storage.get("count", 0)
            self.storage.put("count", count + 1)
            note(self.id, "alarm", count)
            if self.failures < 2:
                type(self).failures += 1
                raise RuntimeError("not yet")

        async def on_exception(self, error, connection):
            note(self.id, "told", str(error), connection)

    room = await define(Timer)
    await room.request("POST")
    await room.notes("told")
    await room.data()  # is answered when the failure is committed
    _, attempts, is_failed, error = row_of(room)
    notes = await room.notes("alarm", 3)

    failed = [["alarm", 0], ["told", "not yet", None]]
    assert attempts in (1, 2)
    assert (is_failed, error) == (0, "RuntimeError: not yet")
    assert notes == [*failed, *failed, ["alarm", 0]]
    assert await room.data() == {"count": 1}
    assert row_of(room) == (None, 0, 0, "")


async def test_r40_a_failed_alarm_is_kept_and_retried_by_hand(define, visitor):
    """`manage.py rooms alarm KEY --retry`, or the same in the admin."""

    class Timer(Room):
        is_broken = True

        async def on_request(self, request):
            if request.method == "POST":
                self.storage.set_alarm(timedelta(days=1))
            else:
                type(self).is_broken = False

        async def on_alarm(self):
            if self.is_broken:
                raise RuntimeError("no")
            note(self.id, "alarm")

    database = visitor.server.database
    room = await define(Timer)
    await room.request("POST")
    # As if six attempts had failed: they would take two minutes.
    stop = manage("rooms", "stop", room.key, database=database)
    make_due(database, room.room_id, attempts=6)
    await visitor.server.wait_for_log(rf"alarm of {room.key} has failed 7 times")
    await room.request()  # mends it, and is answered when the failure is committed
    shown = manage("rooms", "alarm", room.key, database=database).stdout
    retried = manage("rooms", "alarm", room.key, "--retry", database=database)
    await room.notes("alarm")
    await room.request()  # is answered when what the alarm changed is committed

    assert stop.returncode == retried.returncode == 0
    assert "given up" in shown
    assert "7 failed attempts: RuntimeError: no" in shown
    assert row_of(room) == (None, 0, 0, "")


async def test_r40_what_was_due_while_no_server_was_up_rings_at_start(kind, on):
    """Without any request; Daphne does not say when it starts."""
    is_asked = on(
        uvicorn=False, daphne=True, instead="rings after the first event of any room"
    )
    async with serve(kind) as server:
        async with visit(server) as visitor:
            room = visitor.room("alarming")
            await room.request("POST", json={"seconds": 3600})
            await server.kill()
            make_due(server.database, room.room_id)
            await server.start()
        async with visit(server) as visitor:
            if is_asked:
                await visitor.room("counter").data()
            rung = visitor.room("alarming", room.room_id)
            await rung.notes("alarm")
            await rung.request()  # is answered when what it changed is committed
            rows = execute(server.database, ALARM, "alarming", room.room_id)

    assert rows == [(None, 0, 0, "")]
