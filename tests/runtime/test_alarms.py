"""Alarms: part of the turn, rung at their time, retried, given up, and set again."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from partyrooms import Room, registry
from partyrooms.testing import running_room
from partyrooms.testing.timeline import MAX_ALARMS
from partyrooms.timezones import as_project, as_utc
from tests.runtime.stage import on_stage, patiently

NOON = datetime(2040, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    """The classes of a test are gone after it."""
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))


class Clock:
    """Seconds since it was made, by the room's clock."""

    def __init__(self, room):
        self.wall = room._node.environment.wall_clock
        self.start = self.wall()

    def __call__(self):
        return round(self.wall() - self.start, 3)


class Base(Room):
    """Sets its alarm as asked by ``set``, and notes when it rings."""

    abstract = True

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.rung = []

    async def on_request(self, request):
        self.storage.set_alarm(timedelta(seconds=request.data["seconds"]))

    def note(self):
        self.rung.append(self._life.data.wall_clock())


async def set_alarm(room, **duration):
    """Have the room set its alarm."""
    seconds = timedelta(**duration).total_seconds()
    assert (await room.post(json={"seconds": seconds})).status_code == 204


def since(clock, times):
    """Times of a room's notes, in seconds of the test's clock."""
    return [round(one - clock.start, 3) for one in times]


async def test_r40_it_rings_at_its_time_and_is_cleared():
    """R40, S10: get_alarm() is None inside; the room's other data is there."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            self.storage.put("inside", await self.storage.get_alarm())
            self.broadcast("ring")

    async with running_room(Timer) as room:
        alice, clock = await room.connect("alice"), Clock(room)
        await set_alarm(room, minutes=10)
        due = room.alarm
        await room.advance(minutes=9)
        before = list(alice.received)
        await room.advance(minutes=2)

        assert due.timestamp() == clock.start + 600
        assert before == []
        assert alice.received == ["ring"]
        assert since(clock, Timer.rung) == [600]
        assert room.alarm is None
        assert await room.stored() == {"inside": None}


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize(
    "given",
    [
        NOON,
        NOON.astimezone(ZoneInfo("America/New_York")),
        datetime(2040, 1, 1, 21),
    ],
)
async def test_s10_a_naive_datetime_is_in_time_zone(settings, use_tz, given):
    """S10: get_alarm() gives what the project's models would hold."""
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Tokyo"
    expected = NOON if use_tz else datetime(2040, 1, 1, 21)

    class Timer(Room):
        async def on_request(self, request):
            await self.storage.set_alarm(given)
            self.seen = await self.storage.get_alarm()

    async with running_room(Timer) as room:
        await room.get()

        assert room.instance.seen == expected
        assert room.alarm == expected


async def test_s10_r40_an_alarm_in_the_hour_that_comes_twice_rings(settings):
    """S10, R40: the room holds what its row can hold, of each retry as well."""
    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Berlin"
    second = datetime(2040, 10, 28, 1, 30, tzinfo=UTC)  # 2:30, an hour after 2:30

    class Timer(Base):
        async def on_request(self, request):
            self.storage.set_alarm(second)

        async def on_alarm(self):
            self.note()
            raise ValueError

    async with running_room(Timer) as room:
        room._node.environment.wall_clock = second.timestamp
        await room.get()
        held = []
        for _ in range(2):
            held.append(room.instance._life.gate.alarm.at)
            await room._worker.alarm_due(as_row(held[-1]))
            await room._worker.until_idle()

        assert held == [as_row(moment) for moment in held]
        assert len(Timer.rung) == 2


def as_row(moment):
    """A moment as a row without time zones has it, which keeps no fold."""
    return as_utc(as_project(moment).replace(fold=0))


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("given", [datetime.max, datetime.min, timedelta.max])
async def test_s10_what_no_row_can_hold_is_refused_at_once(
    settings, zone, use_tz, given
):
    """S10: in whatever time zone; the room's other writes go on."""
    settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
    if isinstance(given, datetime):
        given = given.replace(tzinfo=UTC)

    class Timer(Room):
        async def on_request(self, request):
            try:
                self.storage.set_alarm(given)
            except OverflowError:
                self.storage.put("refused", True)

    async with running_room(Timer) as room:
        await room.get()

        assert await room.stored() == {"refused": True}
        assert room.alarm is None


@pytest.mark.parametrize("given", [30, 1.5, "tomorrow", None, True])
async def test_s10_anything_else_is_refused(given):
    """S10: the text says what to write."""

    class Timer(Room):
        async def on_request(self, request):
            with pytest.raises(TypeError, match=r"timedelta\(seconds=30\)"):
                self.storage.set_alarm(given)

    async with running_room(Timer) as room:
        assert (await room.get()).status_code == 204
        assert room.alarm is None


async def test_s10_what_has_passed_is_due_at_once():
    """S10: a time before now is no mistake."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()

    async with running_room(Timer) as room:
        await set_alarm(room, days=-1)
        await room.advance(seconds=0)

        assert len(Timer.rung) == 1


async def test_s10_the_turn_sees_its_own_change():
    """S10: set replaces, delete deletes, delete_all() deletes; later sets stay."""

    class Timer(Room):
        async def on_request(self, request):
            storage = self.storage
            self.seen = []
            for change in (
                lambda: None,
                lambda: storage.set_alarm(NOON),
                lambda: storage.set_alarm(NOON + timedelta(hours=1)),
                storage.delete_alarm,
                lambda: storage.set_alarm(NOON),
                storage.delete_all,
                lambda: storage.set_alarm(NOON),
            ):
                change()
                self.seen.append(await storage.get_alarm())

    async with running_room(Timer) as room:
        await room.get()
        seen = room.instance.seen

        assert seen == [None, NOON, NOON + timedelta(hours=1), None, NOON, None, NOON]
        assert room.alarm == NOON


async def test_s10_a_failed_turn_changes_no_alarm():
    """S10, R17: neither what it set nor what it deleted."""

    class Timer(Base):
        async def on_message(self, message, sender):
            if message == "set":
                self.storage.set_alarm(NOON)
            else:
                self.storage.delete_alarm()
            raise ValueError

        async def on_exception(self, error, connection):
            self.seen = await self.storage.get_alarm()

    async with running_room(Timer) as room:
        alice = await room.connect("alice")
        await alice.send("set")
        after_set = room.alarm
        await set_alarm(room, hours=1)
        due = room.alarm
        await alice.send("delete")

        assert after_set is None
        assert room.alarm == room.instance.seen == due


async def test_s10_a_failed_transaction_changes_no_alarm():
    """S10, S4: an exception in the block drops the block's change only."""

    class Timer(Room):
        async def on_request(self, request):
            storage = self.storage
            storage.set_alarm(NOON)
            with suppress(ValueError):
                async with storage.transaction():
                    storage.delete_alarm()
                    self.inside = await storage.get_alarm()
                    raise ValueError
            self.after = await storage.get_alarm()

    async with running_room(Timer) as room:
        await room.get()

        assert (room.instance.inside, room.instance.after) == (None, NOON)
        assert room.alarm == NOON


async def test_s10_background_work_sets_it_in_a_turn_of_its_own():
    """S10, R23: it is committed at once, and a task sees it."""

    class Timer(Base):
        async def on_request(self, request):
            await self.create_task(self.work())

        async def work(self):
            self.storage.set_alarm(NOON)
            await self.storage.sync()
            self.seen = await self.storage.get_alarm()

    async with running_room(Timer) as room:
        await room.get()

        assert room.instance.seen == NOON
        assert room.alarm == NOON


async def test_r40_setting_the_next_one_inside_makes_it_periodic():
    """R40: get_alarm() sees the next one; each rings at its time, in order."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            self.storage.set_alarm(timedelta(minutes=20))
            assert await self.storage.get_alarm() is not None

    async with running_room(Timer) as room:
        clock = Clock(room)
        await set_alarm(room, minutes=20)
        await room.advance(hours=1)

        assert since(clock, Timer.rung) == [1200, 2400, 3600]
        assert room.alarm.timestamp() == clock.start + 4800


@pytest.mark.parametrize("end", ["crash", "stop", "hibernate"])
async def test_r40_it_wakes_a_room_that_is_not_in_memory(end):
    """R40: on_start, then on_alarm."""

    class Timer(Base):
        hibernate = True

        async def on_start(self):
            self.is_fresh = True

        async def on_alarm(self):
            assert self.is_fresh
            self.note()

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await getattr(room, end)()
        was_running = room.is_running
        await room.advance(seconds=1)

        assert not was_running
        assert room.is_running
        assert len(Timer.rung) == 1


async def test_r40_a_room_that_is_idle_meanwhile_is_woken():
    """R24, R40: it has left memory after IDLE_TIMEOUT."""

    class Timer(Base):
        lives = 0

        async def on_start(self):
            type(self).lives += 1

        async def on_alarm(self):
            self.note()

    async with running_room(Timer, idle_timeout=60.0) as room:
        await set_alarm(room, minutes=30)
        await room.advance(minutes=29)
        was_running = room.is_running
        await room.advance(minutes=2)

        assert not was_running
        assert (Timer.lives, len(Timer.rung)) == (2, 1)


async def test_r40_a_failure_is_retried_then_given_up(caplog):
    """R40: after 2, 4, 8, 16, 32, 64 s; each time its writes are dropped."""

    class Timer(Base):
        told = 0

        async def on_alarm(self):
            self.note()
            self.storage.put("half", 1)
            self.storage.set_alarm(NOON)
            raise ValueError("no")

        async def on_exception(self, error, connection):
            type(self).told += 1

        async def on_message(self, message, sender):
            sender.send_json(await self.storage.get_alarm())

    async with running_room(Timer) as room:
        clock = Clock(room)
        await set_alarm(room, seconds=10)
        await room.advance(seconds=10)
        retry_at = room.alarm
        with caplog.at_level(logging.WARNING):
            await room.advance(hours=10)
        last = caplog.records[-1]
        alice = await room.connect("alice")
        await alice.send("alarm?")
        await room._worker.alarm_due(
            NOON
        )  # by somebody who looked before the last failure

        assert retry_at.timestamp() == clock.start + 12
        assert since(clock, Timer.rung) == [10, 12, 16, 24, 40, 72, 136]
        assert Timer.told == 7
        assert alice.received == ["null"]
        assert room.alarm is None
        assert await room.stored() == {}
        row = await row_of(room)
        assert (row.is_failed, row.attempts, row.error) == (True, 7, "ValueError: no")
        assert (last.action, last.levelname) == ("alarm_failed", "ERROR")
        assert "rooms alarm timer/test --retry" in last.message


async def test_r40_a_retry_that_succeeds_happens_once():
    """R40: the effect is stored once; the next alarm begins without failures."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            self.storage.put("count", await self.storage.get("count", 0) + 1)
            if len(self.rung) < 3:
                raise ValueError

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await room.advance(hours=1)
        stored = await room.stored()
        await set_alarm(room, seconds=1)

        assert len(Timer.rung) == 3
        assert stored == {"count": 1}
        assert (await row_of(room)).attempts == 0


async def row_of(room):
    record, _ = room._store.tables.room(room.key)
    return await room._store.alarm(record)


def retry(room):
    """What the admin's action does: it changes the row, and tells nobody."""
    _, row = room._store.tables.room(room.key)
    row.alarm = replace(row.alarm, is_failed=False, attempts=0)


@pytest.mark.parametrize("in_memory", [True, False])
async def test_r40_a_failed_alarm_is_retried_by_hand(in_memory):
    """R40: whether its owner has the room in memory or not."""

    class Timer(Base):
        is_broken = True

        async def on_alarm(self):
            if self.is_broken:
                raise ValueError
            self.note()

    async with running_room(Timer) as room:
        alice = await room.connect("alice") if in_memory else None
        await set_alarm(room, seconds=1)
        await room.advance(hours=1)
        Timer.is_broken = False
        await room.advance(hours=1)
        before = list(Timer.rung)
        retry(room)
        await room.advance(seconds=0)

        assert alice is None or alice.closed is None
        assert before == []
        assert len(Timer.rung) == 1
        assert await row_of(room) is None


async def test_s10_setting_it_again_replaces_a_failed_one():
    """S10: and so does deleting."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            if len(self.rung) <= 7:
                raise ValueError

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await room.advance(hours=1)
        await set_alarm(room, seconds=1)
        await room.advance(hours=1)

        assert len(Timer.rung) == 8
        assert await row_of(room) is None


async def test_r40_a_hook_that_runs_too_long_has_failed():
    """R40, G5: it is cancelled, and tried again."""
    inside = asyncio.Event()

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            if len(self.rung) == 1:
                inside.set()
                await asyncio.Event().wait()

    async with on_stage(Timer) as room:
        await set_alarm(room, seconds=1)
        room.pass_time(1)
        alarm_due = room.worker.alarm_due(room.alarm)
        await patiently(inside.wait())
        room.pass_time(31)
        await patiently(alarm_due)
        error = (await row_of(room)).error
        await room.advance(seconds=2)

        assert error.startswith("HookTimeout: ")
        assert len(Timer.rung) == 2
        assert room.alarm is None


@pytest.mark.parametrize("place", ["__init__", "on_start"])
async def test_r40_a_room_that_cannot_be_started_has_failed(place):
    """R40, R10: its alarm is retried as if on_alarm had raised."""

    class Timer(Base):
        lives = 0

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.begin("__init__")

        async def on_start(self):
            self.begin("on_start")

        def begin(self, here):
            if here != place:
                return
            type(self).lives += 1
            if 1 < self.lives < 5:
                raise ValueError("not yet")

        async def on_alarm(self):
            self.note()

    async with running_room(Timer) as room:
        clock = Clock(room)
        await set_alarm(room, seconds=1)
        await room.crash()
        await room.advance(seconds=1)
        row = await row_of(room)
        await room.advance(hours=1)

        assert (row.attempts, row.error) == (1, "ValueError: not yet")
        assert since(clock, Timer.rung) == [1 + 2 + 4 + 8]
        assert room.alarm is None


async def test_r40_an_absent_hook_is_logged_and_the_alarm_cleared(caplog):
    """R40: the class lost its on_alarm, or never had one."""

    class Timer(Base):
        pass

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await room.advance(seconds=1)

        assert "Timer has no on_alarm; the alarm is cleared" in caplog.text
        assert await row_of(room) is None


async def test_r40_a_start_that_sets_the_next_alarm_does_not_lose_the_due_one():
    """R40: at least once; what on_start has set stays."""

    class Timer(Base):
        async def on_start(self):
            self.storage.set_alarm(timedelta(minutes=5))

        async def on_alarm(self):
            self.note()

    async with running_room(Timer) as room:
        clock = Clock(room)
        await set_alarm(room, minutes=2)
        await room.crash()
        await room.advance(minutes=3)

        assert since(clock, Timer.rung) == [120]
        assert room.alarm.timestamp() == clock.start + 420


async def test_r40_what_sync_has_stored_is_not_taken_back():
    """R40, S5: the hook runs again, and so does that part."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            self.storage.put("before", len(self.rung))
            await self.storage.sync()
            self.storage.put("after", len(self.rung))
            if len(self.rung) == 1:
                raise ValueError

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await room.advance(seconds=1)
        first = await room.stored()
        await room.advance(seconds=2)

        assert first == {"before": 1}
        assert await room.stored() == {"before": 2, "after": 2}


async def test_r40_a_crash_behind_sync_does_not_lose_the_alarm():
    """R40: at least once, also where the hook has ended its own atomicity."""
    synced = asyncio.Event()

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            self.storage.put("before", 1)
            await self.storage.sync()
            if len(self.rung) == 1:
                synced.set()
                await asyncio.Event().wait()

    async with on_stage(Timer) as room:
        await set_alarm(room, seconds=1)
        room.pass_time(1)
        alarm_due = room.worker.alarm_due(room.alarm)
        await patiently(synced.wait())
        stored = await room.stored()
        await room.crash()
        with suppress(Exception):
            await alarm_due
        left = room.alarm
        await room.advance(seconds=0)

        assert stored == {"before": 1}
        assert left is not None
        assert len(Timer.rung) == 2
        assert room.alarm is None


async def test_r40_a_failed_hook_that_had_synced_the_next_alarm_leaves_it():
    """R40, S5: setting replaces; there is nothing left to retry."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            self.storage.set_alarm(NOON)
            await self.storage.sync()
            raise ValueError

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await room.advance(hours=1)

        assert len(Timer.rung) == 1
        assert room.alarm == NOON


async def test_r40_an_alarm_set_by_background_work_meanwhile_stays():
    """R40: the handler's end clears only the alarm that it has handled."""

    class Timer(Base):
        async def on_alarm(self):
            await self.create_task(self.work())

        async def work(self):
            self.storage.set_alarm(NOON)

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await room.advance(seconds=1)

        assert room.alarm == NOON


async def test_r40_a_commit_whose_answer_is_lost_is_done_once():
    """R40, S8: the committer repeats it and finds it done."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()
            self.storage.put("count", await self.storage.get("count", 0) + 1)

    async with on_stage(Timer) as room:
        await set_alarm(room, seconds=1)
        room.store.tables.lose_next_reply = False
        hold = room.store.hold("commit")
        room.pass_time(1)
        alarm_due = room.worker.alarm_due(room.alarm)
        await patiently(hold.reached.wait())
        room.store.tables.lose_next_reply = True
        hold.go.set()
        await patiently(alarm_due)

        assert len(Timer.rung) == 1
        assert await room.stored() == {"count": 1}
        assert room.alarm is None


async def test_r40_a_ring_that_comes_too_early_or_too_late_does_nothing():
    """R40: another process may have seen an older row."""

    class Timer(Base):
        async def on_alarm(self):
            self.note()

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=10)
        early = room.alarm - timedelta(microseconds=1)
        await room._worker.alarm_due(early)
        before = len(Timer.rung)
        await room._worker.alarm_due(room.alarm)
        await room._worker.alarm_due(NOON)

        assert before == 0
        assert len(Timer.rung) == 1


async def test_r7_on_alarm_may_be_a_plain_function():
    """R7: it runs in a thread; its writes are the turn's."""

    class Timer(Base):
        def on_alarm(self):
            self.storage.put("rung", True)
            self.storage.set_alarm(NOON)

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)
        await room.advance(seconds=1)

        assert await room.stored() == {"rung": True}
        assert room.alarm == NOON


async def test_alarms_of_other_rooms_ring_in_order():
    """advance() goes from alarm to alarm, whosever it is."""

    class Timer(Base):
        async def on_message(self, message, sender):
            await (
                self.parties["timer"].get("b").fetch(method="POST", json={"seconds": 5})
            )
            self.storage.set_alarm(timedelta(seconds=10))

        async def on_alarm(self):
            self.rung.append(self.id)

    async with running_room(Timer, "a") as room:
        alice = await room.connect("alice")
        await alice.send("go")
        await room.advance(minutes=1)

        assert Timer.rung == ["b", "a"]


async def test_an_alarm_that_sets_itself_for_now_is_told():
    """advance() does not go on for ever."""

    class Timer(Base):
        async def on_alarm(self):
            self.storage.set_alarm(timedelta(0))

    async with running_room(Timer) as room:
        await set_alarm(room, seconds=1)

        with pytest.raises(RuntimeError, match=f"{MAX_ALARMS} alarms have rung"):
            await room.advance(seconds=1)


async def test_an_alarm_waits_behind_a_hook_that_has_not_ended():
    """G1: advance() does not wait for it either."""
    is_set = asyncio.Event()

    class Timer(Base):
        async def on_message(self, message, sender):
            self.storage.set_alarm(timedelta(seconds=1))
            await self.storage.sync()
            is_set.set()
            await asyncio.Event().wait()

        async def on_alarm(self):
            self.note()

    async with running_room(Timer) as room:
        alice = await room.connect("alice")
        sending = asyncio.create_task(alice.send("hang"))
        await patiently(is_set.wait())
        await room.advance(seconds=31)
        await sending

        assert len(Timer.rung) == 1
