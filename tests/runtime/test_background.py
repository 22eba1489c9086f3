"""create_task from hooks of both kinds, and tasks that a hook starts on its own."""

import asyncio
import inspect
import sys
from contextlib import suppress

import pytest

from partyrooms import Room
from partyrooms.exceptions import RoomStopped
from partyrooms.runtime.turn_over import TurnOver
from partyrooms.testing import running_room
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop


async def test_r23_a_plain_hook_starts_background_work_on_the_event_loop():
    """R7, R23: a plain def may call create_task, too; from a thread asyncio may not."""
    done = asyncio.Event()

    class Threaded(Room):
        def on_message(self, message, sender):
            self.create_task(self.later(sender))

        async def later(self, sender):
            sender.send("later")
            done.set()

    async with running_room(Threaded) as room:
        alice = await room.connect("alice")

        await alice.send("go")

        await patiently(done.wait())
        assert alice.received == ["later"]


class Working(Room):
    """Starts what a message says; notes what went wrong."""

    party = "background"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors = []
        self.done = asyncio.Event()

    async def on_message(self, message, sender):
        self.create_task(getattr(self, message)(sender))

    async def on_exception(self, error, connection):
        self.errors.append((type(error), connection))
        self.done.set()

    async def fails(self, sender):
        raise ValueError

    async def exits(self, sender):
        sys.exit(3)

    async def is_interrupted(self, sender):
        raise KeyboardInterrupt

    async def awaits_what_was_cancelled(self, sender):
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        await cancelled

    async def writes_and_fails(self, sender):
        self.storage.put("key", 1)
        sender.send("sent")
        raise ValueError

    async def transacts(self, sender):
        async with self.storage.transaction():
            self.storage.put("a", 1)
            sender.send("one")
            await self.storage.get("a")
            self.storage.put("b", 2)
        with suppress(ValueError):
            async with self.storage.transaction():
                self.storage.put("c", 3)
                raise ValueError
        await self.storage.sync()
        self.done.set()


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("fails", ValueError),
        ("exits", RuntimeError),
        ("is_interrupted", RuntimeError),
        ("awaits_what_was_cancelled", RuntimeError),
    ],
)
async def test_r23_what_background_work_raises_goes_to_on_exception(way, error):
    """R23: nobody's connection, and the room goes on."""
    async with on_stage(Working) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send(way))
        await patiently(room.instance.done.wait())

        assert room.instance.errors == [(error, None)]


async def test_r23_what_background_work_returns_is_its_tasks_result():
    """R23: None of what raised, for on_exception has heard of that."""

    async def work():
        return 5

    async with on_stage(Working) as room:
        alice = await patiently(room.connect("alice"))
        done = room.instance.create_task(work())
        failed = room.instance.create_task(room.instance.fails(alice))

        assert await patiently(done) == 5
        assert await patiently(failed) is None


async def test_r23_background_work_that_somebody_cancels_has_not_failed():
    """R23: so on_exception hears nothing of it, and the task is cancelled."""
    async with on_stage(Working) as room:
        await patiently(room.connect("alice"))
        task = room.instance.create_task(asyncio.Event().wait())
        await turns_of_the_loop()

        task.cancel()
        await patiently(asyncio.wait([task]))

        assert task.cancelled()
        assert room.instance.errors == []


async def test_r23_an_on_exception_that_awaits_what_was_cancelled_is_logged(caplog):
    """R23: with what it had been told of."""

    class Poor(Working):
        party = "background-poor"

        async def on_exception(self, error, connection):
            await self.awaits_what_was_cancelled(None)

    async with on_stage(Poor) as room:
        await patiently(room.connect("alice"))
        task = room.instance.create_task(room.instance.fails(None))

        assert await patiently(task) is None
        (record,) = [one for one in caplog.records if "on_exception" in one.msg]
        assert "ValueError" in record.getMessage()


async def test_r23_what_is_no_coroutine_is_refused():
    """R23: at once; a function is not called."""
    async with on_stage(Working) as room:
        await patiently(room.connect("alice"))

        with pytest.raises(TypeError, match="takes a coroutine, not <"):
            room.instance.create_task(room.instance.fails)


async def test_r23_each_call_of_background_work_is_a_turn_of_its_own():
    """R23: so what was done before a failure stays done."""
    async with on_stage(Working) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("writes_and_fails"))
        await patiently(room.instance.done.wait())
        await patiently(room.worker.until_idle())

        assert alice.received == ["sent"]
        assert await room.stored() == {"key": 1}


async def test_s4_a_transaction_in_background_work_is_one_turn():
    """S4, R23: all or nothing; what it sends leaves with it."""
    async with on_stage(Working) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("transacts"))
        await patiently(room.instance.done.wait())

        assert alice.received == ["one"]
        assert await room.stored() == {"a": 1, "b": 2}


async def test_r17_on_exception_that_raises_about_background_work_is_logged(caplog):
    """R17: with what it had been told of."""

    class Hopeless(Working):
        party = "background-hopeless"

        async def on_exception(self, error, connection):
            self.done.set()
            raise KeyError

    async with on_stage(Hopeless) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("fails"))
        await patiently(room.instance.done.wait())
        await turns_of_the_loop()

        assert "on_exception of background-hopeless/test raised KeyError" in caplog.text
        assert "it had been told of ValueError()" in caplog.text


async def test_r23_no_work_begins_in_a_life_that_is_over():
    """R23: RoomStopped, and the coroutine is closed."""
    async with on_stage(Working) as room:
        await patiently(room.connect("alice"))
        old = room.instance
        await patiently(room.stop())

        with pytest.raises(RoomStopped):
            old.create_task(old.fails(None))


async def test_r23_work_that_is_cancelled_before_it_begins_is_closed():
    """R23: nothing is left behind that nobody awaited."""
    async with on_stage(Working) as room:
        await patiently(room.connect("alice"))
        coroutine = room.instance.fails(None)
        task = room.instance.create_task(coroutine)

        task.cancel()
        await turns_of_the_loop()

        assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
        assert room.instance.errors == []


async def test_r23_a_hooks_own_task_adds_to_its_turn_while_that_lasts():
    """Its calls are the hook's as long as that runs, and turns of their own later."""
    go = asyncio.Event()

    class Spawning(Working):
        party = "background-spawning"

        async def on_message(self, message, sender):
            self.task = asyncio.create_task(self.half_and_half(sender))
            await asyncio.sleep(0)
            raise ValueError

        async def half_and_half(self, sender):
            sender.send("in the turn")
            await go.wait()
            sender.send("after it")

    async with on_stage(Spawning) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("go"))
        go.set()
        await patiently(room.instance.task)

        assert alice.received == ["after it"]


async def test_r23_a_hooks_own_task_does_nothing_once_its_time_is_over():
    """G5: what it asks for raises TurnOver."""
    inside, go = asyncio.Event(), asyncio.Event()

    class Late(Working):
        party = "background-late"

        async def on_message(self, message, sender):
            self.task = asyncio.create_task(self.later(sender))
            inside.set()
            await asyncio.Event().wait()

        async def later(self, sender):
            await go.wait()
            sender.send("late")

    async with on_stage(Late) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "go")
        await patiently(inside.wait())
        room.pass_time(31)
        await patiently(room.worker.until_idle())

        go.set()

        with pytest.raises(TurnOver):
            await patiently(room.instance.task)
        assert alice.received == []
