"""Turns that fail, whatever way: nothing of them leaves, is stored, or is kept."""

import asyncio
import sys
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from partyrooms import CallFailed, Room, parties, rpc
from partyrooms.exceptions import HookTimeout, StorageLimitExceeded
from partyrooms.runtime.turn_over import TurnOver
from tests.runtime.stage import PATIENCE, on_stage, patiently, turns_of_the_loop


class Failing(Room):
    """Does everything that a turn can do, then fails as the message says."""

    party = "failing"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors = []
        self.inside = asyncio.Event()

    async def on_message(self, message, sender):
        if message == "well":
            sender.send("well")
            return
        self.do_everything(sender)
        await getattr(self, message)(sender)

    def do_everything(self, sender):
        self.storage.put("key", "value")
        self.storage.delete("old")
        sender.send("sent")
        self.broadcast("broadcast")
        sender.set_state({"failed": True})
        sender.close(4000, "closed")

    async def on_exception(self, error, connection):
        self.errors.append((type(error), connection.id))

    async def raises(self, sender):
        raise ValueError

    async def sends_nonsense(self, sender):
        self.broadcast({"not": "a payload"})

    async def stores_nonsense(self, sender):
        self.storage.put("key", object())

    async def stores_too_much(self, sender):
        self.storage.put("key", "x" * 2000)

    async def exits(self, sender):
        sys.exit(3)

    async def is_interrupted(self, sender):
        raise KeyboardInterrupt

    async def closes_itself(self, sender):
        raise GeneratorExit

    async def raises_no_exception(self, sender):
        raise BaseExceptionGroup("two", [ValueError(), KeyboardInterrupt()])

    async def awaits_something_cancelled(self, sender):
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async def hangs(self, sender):
        self.inside.set()
        await asyncio.Event().wait()


UNUSUAL = {
    error.__name__: error
    for error in (
        *(asyncio.CancelledError, GeneratorExit, KeyboardInterrupt),
        *(StopIteration, SystemExit),
    )
}


class FailingPlain(Room):
    """Raises what the message names, from a thread."""

    party = "failing-plain"

    def on_message(self, message, sender):
        sender.send(message)
        if message in UNUSUAL:
            raise UNUSUAL[message]


class FailingOnce(Room):
    """Raises what its id names, when it is made for the first time."""

    party = "failing-once"
    has_failed = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not FailingOnce.has_failed:
            FailingOnce.has_failed = True
            raise UNUSUAL[self.id]


async def in_time(room, client, message):
    """Send a message whose hook hangs, and let its time run out."""
    room.put_in(client, message)
    await patiently(room.instance.inside.wait())
    room.pass_time(31)
    await patiently(room.worker.until_idle())


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("raises", ValueError),
        ("sends_nonsense", TypeError),
        ("stores_nonsense", TypeError),
        ("stores_too_much", StorageLimitExceeded),
        ("exits", RuntimeError),
        ("is_interrupted", RuntimeError),
        ("closes_itself", RuntimeError),
        ("raises_no_exception", RuntimeError),
        ("awaits_something_cancelled", RuntimeError),
        ("hangs", HookTimeout),
    ],
)
async def test_r17_nothing_of_a_failed_turn_is_left(way, error):
    """R17, G5: no write, no output, no state; the socket is open, the room goes on."""
    async with on_stage(Failing, max_value_size=1000) as room:
        alice = await patiently(room.connect("alice"))
        bob = await patiently(room.connect("bob"))

        if way == "hangs":
            await in_time(room, alice, way)
        else:
            await patiently(alice.send(way))
        await patiently(alice.send("well"))

        connection = room.instance.get_connection("alice")
        assert room.instance.errors == [(error, "alice")]
        assert (alice.received, bob.received) == (["well"], [])
        assert (alice.closed, connection.state) == (None, None)
        assert (await room.stored(), room.worker.life.data.quota.total) == ({}, 0)


async def test_r17_a_plain_hook_that_finds_nothing_fails_at_once():
    """R17: a StopIteration, which no future can hold, is told like any other error."""

    class Finding(Failing):
        party = "failing-finding"

        def on_message(self, message, sender):
            next(one for one in self.get_connections() if one.id == message)

    async with on_stage(Finding) as room:
        alice = await patiently(room.connect("alice"))
        await patiently(alice.send("nobody"))

        assert room.instance.errors == [(RuntimeError, "alice")]


@pytest.mark.parametrize("unusual", UNUSUAL)
async def test_r17_a_plain_hook_may_raise_anything(unusual):
    """R7, R17: also what no future carries from a thread; the next event is handled."""
    async with on_stage(FailingPlain) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send(unusual))
        await patiently(alice.send("well"))

        assert (alice.received, alice.closed) == (["well"], None)


@pytest.mark.parametrize("unusual", UNUSUAL)
async def test_r10_an_instance_may_raise_anything_while_it_is_made(unusual):
    """R10: the waiting event fails, and the next one tries again."""
    async with on_stage(FailingOnce, unusual) as room:
        FailingOnce.has_failed = False
        alice = await patiently(room.connect("alice"))
        bob = await patiently(room.connect("bob"))

        assert (alice.closed, bob.closed) == ((1011, "the room failed"), None)


class Unspeakable(Exception):
    """An error that cannot be shown."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class FailingUnspeakably(Room):
    """Raises what no log and no caller can be shown the text of."""

    party = "failing-unspeakably"

    async def on_request(self, request):
        return {}

    async def on_alarm(self):
        raise Unspeakable

    @rpc
    async def work(self):
        raise Unspeakable


async def test_r17_an_error_without_a_text_fails_like_any_other():
    """R17, P3, R40: the caller is told its type, the alarm is tried again."""
    async with on_stage(FailingUnspeakably) as room:
        stub = parties["failing-unspeakably"].get("test")
        with pytest.raises(CallFailed) as failure:
            await patiently(stub.call("work"))
        room.instance.storage.set_alarm(timedelta(seconds=1))
        await patiently(room.advance(seconds=2))

        assert failure.value.error_type == "Unspeakable"
        assert room.alarm is not None
        assert (await patiently(room.get())).status_code == 200


async def test_g5_a_plain_hook_that_goes_on_in_its_thread_does_nothing_any_more():
    """G5: whatever it asks for raises TurnOver, and changes nothing."""
    go, done, results = threading.Event(), threading.Event(), []

    class Threaded(Failing):
        party = "failing-threaded"

        def on_message(self, message, sender):
            if message == "well":
                sender.send("well")
                return
            self.do_everything(sender)
            self._life.outputs._loop.call_soon_threadsafe(self.inside.set)
            go.wait(PATIENCE)
            for ask in (
                lambda: sender.send("late"),
                lambda: self.broadcast("late"),
                lambda: sender.set_state("late"),
                lambda: sender.close(4001),
                lambda: self.storage.put("key", "late"),
                lambda: self.storage.delete_all(),
                lambda: self.create_task(self.hangs(sender)),
                lambda: async_to_sync(self.storage.get)("key"),
                lambda: async_to_sync(self.storage.sync)(),
            ):
                try:
                    ask()
                except Exception as error:
                    results.append(type(error))
            done.set()

    async with on_stage(Threaded) as room:
        alice = await patiently(room.connect("alice"))
        await in_time(room, alice, "hang")

        go.set()
        assert await asyncio.to_thread(done.wait, PATIENCE)
        await patiently(alice.send("well"))

        assert results == [TurnOver] * 9
        assert alice.received == ["well"]
        assert room.instance.get_connection("alice").state is None
        assert (alice.closed, await room.stored()) == (None, {})


async def test_g2_a_plain_hook_that_goes_on_hears_that_its_room_was_lost():
    """G2: its time was not over; the text says what was."""
    go, done, errors = threading.Event(), threading.Event(), []

    class Robbed(Failing):
        party = "failing-robbed"

        def on_message(self, message, sender):
            self._life.outputs._loop.call_soon_threadsafe(self.inside.set)
            go.wait(PATIENCE)
            try:
                sender.send("late")
            except TurnOver as error:
                errors.append(str(error))
            done.set()

    async with on_stage(Robbed) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "go on")
        await patiently(room.instance.inside.wait())
        room.worker.lose()

        go.set()
        assert await asyncio.to_thread(done.wait, PATIENCE)
        await patiently(room.worker.until_idle())

        (text,) = errors
        assert "failing-robbed/test was lost to another process" in text
        assert "HOOK_TIMEOUT" not in text


async def test_g5_a_hook_that_goes_on_is_cancelled_again():
    """G5: so that one that swallows it once does not hold its room up for ever."""
    swallowed = []

    class Swallowing(Failing):
        party = "failing-swallowing"

        async def hangs(self, sender):
            while len(swallowed) < 2:
                try:
                    self.inside.set()
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    swallowed.append(1)

    async with on_stage(Swallowing) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "hangs")
        await patiently(room.instance.inside.wait())

        room.pass_time(31)
        await turns_of_the_loop()
        room.pass_time(31)
        await patiently(room.worker.until_idle())
        await patiently(alice.send("well"))

        assert room.instance.errors == [(HookTimeout, "alice")]
        assert alice.received == ["well"]


async def test_g5_a_hook_within_its_time_is_left_alone():
    """G5: however many events before it took how long."""
    async with on_stage(Failing) as room:
        alice = await patiently(room.connect("alice"))
        for _ in range(3):
            await patiently(alice.send("well"))
            room.pass_time(20)
        room.put_in(alice, "hangs")
        await patiently(room.instance.inside.wait())

        room.pass_time(29)
        await turns_of_the_loop()

        assert room.instance.errors == []
        room.pass_time(2)
        await patiently(room.worker.until_idle())


async def test_g5_on_start_that_hangs_fails_what_waits():
    """R10, G5: and the next event tries again."""
    tries, inside = [], asyncio.Event()

    class Starting(Failing):
        party = "failing-starting"

        async def on_start(self):
            tries.append(1)
            if len(tries) == 1:
                inside.set()
                await asyncio.Event().wait()

        async def on_request(self, request):
            return {}

        async def on_exception(self, error, connection): ...

    async with on_stage(Starting) as room:
        asked = asyncio.create_task(room.get())
        await patiently(inside.wait())

        room.pass_time(31)

        assert (await patiently(asked)).status_code == 500
        assert (await patiently(room.get())).status_code == 200


async def test_r17_a_library_that_cancels_a_hook_quietly_does_no_harm():
    """It made an error of its own of the cancellation, and the task still counts it."""

    class Old(Failing):
        party = "failing-old"

        async def on_message(self, message, sender):
            if message == "well":
                await super().on_message(message, sender)
                return
            asyncio.current_task().cancel()
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                raise TimeoutError from None

    async with on_stage(Old) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("as of old"))
        await patiently(alice.send("well"))

        assert room.instance.errors == [(TimeoutError, "alice")]
        assert alice.received == ["well"]


async def test_r17_on_exception_that_raises_is_logged_with_what_it_was_told(caplog):
    """R17: its own turn is dropped; the next event is handled."""

    class Hopeless(Failing):
        party = "failing-hopeless"

        async def on_exception(self, error, connection):
            connection.send("half")
            raise KeyError

    async with on_stage(Hopeless) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("raises"))
        await patiently(alice.send("well"))

        assert "on_exception of failing-hopeless/test raised KeyError" in caplog.text
        assert alice.received == ["well"]


async def test_r17_what_on_exception_does_counts():
    """R17: it is a turn of its own."""

    class Telling(Failing):
        party = "failing-telling"

        async def on_exception(self, error, connection):
            self.storage.put("failures", 1)
            connection.send("sorry")
            connection.close(4002)

    async with on_stage(Telling) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("raises"))

        assert (alice.received, alice.closed) == (["sorry"], (4002, ""))
        assert await room.stored() == {"failures": 1}


async def test_r18_tags_that_cannot_be_leave_nothing_behind():
    """R18: the handshake is closed with 1011, though the hook had closed it."""

    class Tagging(Failing):
        party = "failing-tagging"

        async def get_connection_tags(self, connection, ctx):
            connection.close(4003)
            raise ValueError

        async def on_exception(self, error, connection): ...

    async with on_stage(Tagging) as room:
        alice = await patiently(room.connect("alice"))

        assert alice.closed[0] == 1011
        assert list(room.instance.get_connections()) == []


async def test_r33_a_connection_closed_while_it_is_tagged_is_on_no_list():
    """R13, R33: it is let in and closed; on_close hears of it once."""
    seen = []

    class Closing(Failing):
        party = "failing-closing"

        async def get_connection_tags(self, connection, ctx):
            connection.send("no")
            connection.close(4003)

        async def on_connect(self, connection, ctx):
            seen.append(list(self.get_connections()))

        async def on_close(self, connection):
            seen.append(connection.close_code)

    async with on_stage(Closing) as room:
        alice = await patiently(room.connect("alice"))

        assert seen == [[], 4003]
        assert (alice.received, alice.closed) == (["no"], (4003, ""))


async def test_r11_on_connect_that_raises_lets_on_close_hear_of_it():
    """R13: the socket is accepted, then closed with 1011; what was sent is not."""

    class Refusing(Failing):
        party = "failing-refusing"

        async def on_connect(self, connection, ctx):
            self.do_everything(connection)
            raise ValueError

        async def on_close(self, connection):
            self.errors.append(connection.close_code)

    async with on_stage(Refusing) as room:
        alice = await patiently(room.connect("alice"))

        assert (alice.received, alice.closed[0]) == ([], 1011)
        assert room.instance.errors == [(ValueError, "alice"), 1011]
        assert list(room.instance.get_connections()) == []
