"""``after`` and ``every``: calls in the room's order, gone with its life."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms import Room
from partyrooms.exceptions import HookTimeout, RoomStopped
from partyrooms.runtime.timers import NodeTimers, RoomTimers
from partyrooms.testing import running_room
from partyrooms.testing.timeline import MAX_STEPS
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop

# The heap


class Clock:
    """Seconds that a test says."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def rings(timers):
    """A life's timers, and those that have rung, in order."""
    rung = []
    return RoomTimers(timers, rung.append), rung


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=200))
def test_r27_timers_ring_in_the_order_of_their_times(given):
    """R27: of one time in the order in which they were started; cancelled ones not."""
    clock = Clock()
    timers = NodeTimers(clock)
    room, rung = rings(timers)
    started = []
    for seconds, is_cancelled in given:
        timer = room.start(seconds, None, print, ())
        started.append((seconds, timer))
        if is_cancelled:
            timer.cancel()

    seen = []
    for _ in range(10):
        timers.ring_due()
        seen.append(len(rung))
        clock.now += 1

    kept = [(s, t) for s, t in started if not t.is_over]
    assert rung == [timer for _, timer in sorted(kept, key=lambda one: one[0])]
    assert seen == [sum(s <= second for s, _ in kept) for second in range(10)]
    assert timers.next_at is None


def test_r27_cancelled_timers_are_not_kept():
    """R27: a room that starts and cancels one with each message does not grow."""
    timers = NodeTimers(Clock())
    room, _ = rings(timers)

    for _ in range(10_000):
        room.start(3600, None, print, ()).cancel()

    assert len(timers._heap) < 200
    assert not room


def test_r27_beats_that_were_slept_through_are_left_out():
    """R27: the others keep their distance; none comes while one waits."""
    clock = Clock()
    timers = NodeTimers(clock)
    room, rung = rings(timers)
    timer = room.start(2, 2, print, ())

    clock.now += 7
    timers.ring_due()
    clock.now += 1
    timers.ring_due()
    waited = len(rung)
    timer.begin()
    clock.now += 2
    timers.ring_due()

    assert (waited, len(rung)) == (1, 2)
    assert timers.next_at == clock.now + 2


async def test_r27_an_earlier_timer_is_not_rung_behind_a_later_one():
    """R27: the node's one task looks anew."""
    timers = NodeTimers(asyncio.get_running_loop().time)
    rung = asyncio.Queue()
    room = RoomTimers(timers, rung.put_nowait)
    ringing = asyncio.create_task(timers.keep_ringing())
    room.start(3600, None, print, ())
    await turns_of_the_loop()

    early = room.start(0.01, None, print, ())

    assert await patiently(rung.get()) is early
    ringing.cancel()


# In a room


class Timed(Room):
    """Notes when what was called, and what went wrong."""

    party = "timed"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = []
        self.errors = []
        self.go = asyncio.Event()
        self.begun = asyncio.Event()

    def now(self):
        return round(self._life.data.wall_clock() - self._life.started_at, 3)

    async def on_exception(self, error, connection):
        self.errors.append((type(error), connection))

    async def note(self, *words):
        self.calls.append((self.now(), *words))

    def note_in_a_thread(self, *words):
        self.calls.append((self.now(), *words))

    async def fail(self):
        self.storage.put("dropped", 1)
        self.broadcast("dropped")
        raise ValueError

    async def hold(self):
        self.begun.set()
        await self.go.wait()


class Sleepy(Timed):
    """Leaves memory between events."""

    party = "timed-sleepy"
    hibernate = True


async def test_r27_after_calls_once_and_every_again_and_again():
    """R27: at their times, with their arguments, coroutine functions and others."""
    async with running_room(Timed) as room:
        await room.connect("alice")
        timed = room.instance
        timed.after(5, timed.note, "once")
        timed.every(2, timed.note_in_a_thread, "again", 1)

        await room.advance(seconds=4.5)
        await room.advance(seconds=2)

        assert timed.calls == [
            (2, "again", 1),
            (4, "again", 1),
            (5, "once"),
            (6, "again", 1),
        ]


async def test_r27_a_call_is_a_turn():
    """R27, G5: what it sends and stores is committed together, or dropped with it."""

    class Writing(Timed):
        party = "timed-writing"

        async def write(self):
            self.storage.put("kept", 1)
            self.broadcast("kept")

    async with running_room(Writing) as room:
        alice = await room.connect("alice")
        room.instance.after(1, room.instance.write)
        again = room.instance.every(2, room.instance.fail)

        await room.advance(seconds=5)
        again.cancel()

        assert alice.received == ["kept"]
        assert await room.stored() == {"kept": 1}
        assert room.instance.errors == [(ValueError, None)] * 2


async def test_r27_a_call_has_its_place_behind_the_event_that_is_handled():
    """R27: no two of a room run at the same time."""
    async with on_stage(Timed) as room:
        await patiently(room.connect("alice"))
        timed = room.instance
        timed.after(1, timed.hold)
        timed.after(2, timed.note, "behind")

        room.pass_time(1)
        await patiently(timed.begun.wait())
        room.pass_time(1)
        await turns_of_the_loop()
        while_it_is_held = list(timed.calls)
        timed.go.set()
        await patiently(room.worker.until_idle())

        assert while_it_is_held == []
        assert timed.calls == [(2, "behind")]


async def test_r27_every_puts_no_second_call_behind_one_that_waits():
    """R27: however long the room is busy."""
    async with on_stage(Timed) as room:
        await patiently(room.connect("alice"))
        timed = room.instance
        timed.after(0.5, timed.hold)
        timed.every(1, timed.note)

        for _ in range(10):
            room.pass_time(1)
        await patiently(timed.begun.wait())
        for _ in range(3):
            room.pass_time(1)
        waiting = len(room.worker.mailbox.waiting)
        timed.go.set()
        await patiently(room.worker.until_idle())

        assert waiting == 1
        assert len(timed.calls) == 1


async def test_r27_a_timer_can_be_cancelled_at_any_time():
    """R27: before it rings, while its call waits, inside of the call, and twice."""

    class Cancelling(Timed):
        party = "timed-cancelling"

        def on_start(self):
            self.beat = self.every(1, self.third)

        def third(self):
            self.calls.append(self.now())
            if len(self.calls) == 3:
                self.beat.cancel()
                self.beat.cancel()

    async with on_stage(Cancelling) as room:
        await patiently(room.connect("alice"))
        timed = room.instance
        timed.after(1, timed.note, "never").cancel()
        for _ in range(6):
            room.pass_time(1)
            await patiently(room.worker.until_idle())
        inside = list(timed.calls)
        timed.after(1, timed.hold)
        late = timed.after(2, timed.note, "never")
        room.pass_time(1)
        await patiently(timed.begun.wait())
        room.pass_time(1)
        late.cancel()
        timed.go.set()
        await patiently(room.worker.until_idle())

        assert inside == [1, 2, 3]
        assert timed.calls == inside


async def test_r27_g5_a_call_may_take_hook_timeout():
    """R27: then it is cancelled, and on_exception hears of it."""
    async with on_stage(Timed, hook_timeout=5) as room:
        await patiently(room.connect("alice"))
        timed = room.instance
        timed.after(1, timed.hold)

        room.pass_time(1)
        await patiently(timed.begun.wait())
        room.pass_time(5)
        await patiently(room.worker.until_idle())

        assert timed.errors == [(HookTimeout, None)]


@pytest.mark.parametrize("ends", ["stop", "hibernate", "crash"])
async def test_r27_a_timer_is_gone_with_its_life(ends):
    """R27: it starts no room, and is none of the next life's, even if it has rung."""

    class Starting(Timed):
        party = "timed-starting"
        hibernate = True

        def on_start(self):
            self.every(5, self.note, "mine")

    async with running_room(Starting) as room:
        await room.get()
        old = room.instance
        for seconds in (0, 1):
            old.after(seconds, old.note, "old")
        await getattr(room, ends)()
        await room.advance(seconds=100)
        is_running = room.is_running
        await room.get()
        await room.advance(seconds=6)

        with pytest.raises(RoomStopped):
            old.after(1, old.note)
        assert not is_running
        assert old.calls == []
        assert [words for _, words in room.instance.calls] == ["mine"]


async def test_r24_r27_a_pending_timer_keeps_a_hibernating_room_in_memory():
    """R24, R27: HIBERNATE_AFTER counts from the last call on."""
    async with running_room(Sleepy, hibernate_after=10) as room:
        await room.connect("alice")
        room.instance.after(100, room.instance.note)

        await room.advance(seconds=99)
        pending = room.is_running
        await room.advance(seconds=9)
        just_after = room.is_running
        await room.advance(seconds=9)

        assert (pending, just_after, room.is_running) == (True, True, False)


async def test_r24_r23_a_running_task_keeps_a_hibernating_room_in_memory():
    """R24, R23: HIBERNATE_AFTER counts from its end on."""
    async with running_room(Sleepy, hibernate_after=10) as room:
        await room.connect("alice")
        task = room.instance.create_task(asyncio.sleep(100))

        await room.advance(seconds=99)
        running = room.is_running
        await room.advance(seconds=9)
        just_after = room.is_running, task.done()
        await room.advance(seconds=9)

        assert running
        assert just_after == (True, True)
        assert not room.is_running


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ((-1, print), ValueError),
        ((math.nan, print), ValueError),
        ((math.inf, print), ValueError),
        (("5", print), TypeError),
        ((True, print), TypeError),
        ((5, "note"), TypeError),
        ((5, None), TypeError),
    ],
)
async def test_r27_what_is_no_timer_is_refused(given, error):
    """R27: at once; the text says what to write."""
    async with running_room(Timed) as room:
        await room.connect("alice")

        for start in (room.instance.after, room.instance.every):
            with pytest.raises(error, match=f"{start.__name__}\\(\\) takes"):
                start(*given)
        with pytest.raises(ValueError, match=r"takes 0\.001 seconds or more"):
            room.instance.every(0, print)


# In the testing kit


async def test_r27_advance_moves_timers_alarms_and_sleeps_in_one_order():
    """R27, E5: each at its time, without a real second."""

    class Mixed(Timed):
        party = "timed-mixed"

        async def on_start(self):
            self.every(2, self.note, "timer")
            self.storage.set_alarm(self.at(3))
            self.create_task(self.loop())

        def at(self, seconds):
            from partyrooms.timezones import from_seconds

            return from_seconds(self._life.started_at + seconds)

        async def on_alarm(self):
            await self.note("alarm")

        async def loop(self):
            while True:
                await asyncio.sleep(2.5)
                await self.note("task")

    async with running_room(Mixed) as room:
        await room.get()

        await room.advance(seconds=5.2)

        assert room.instance.calls == [
            (2, "timer"),
            (2.5, "task"),
            (3, "alarm"),
            (4, "timer"),
            (5, "task"),
        ]


async def test_r27_timers_without_end_at_one_moment_are_told():
    """R27: advance() does not run for ever."""

    class Endless(Timed):
        party = "timed-endless"

        async def again(self):
            self.after(0, self.again)

    async with running_room(Endless) as room:
        await room.connect("alice")
        room.instance.after(1, room.instance.again)

        with pytest.raises(RuntimeError, match=f"{MAX_STEPS} timers have rung at one"):
            await room.advance(seconds=2)
