"""The worker: lives begin, end, fail, are lost; whoever waits is told."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.exceptions import HookTimeout, MailboxFull, RoomStopped
from partyrooms.runtime.ownership import State
from partyrooms.server.start import current_node
from partyrooms.testing import running_room
from tests.runtime.stage import PATIENCE, on_stage, turns_of_the_loop


class Journal(Room):
    """Notes what happens to it, in a list that outlives it."""

    abstract = True
    notes: list

    async def on_start(self):
        self.notes.append("start")

    async def on_connect(self, connection, ctx):
        self.notes.append(f"connect {connection.id}")

    async def on_message(self, message, sender):
        self.notes.append(message)

    async def on_close(self, connection):
        self.notes.append(f"close {connection.id} {connection.close_code}")

    async def on_request(self, request):
        self.notes.append("request")
        return {}

    async def on_exception(self, error, connection):
        self.notes.append(type(error).__name__)


@pytest.fixture
def journal():
    """A new class for each test."""

    class Noted(Journal):
        notes = []  # noqa: RUF012 - shared on purpose

    return Noted


async def patiently(awaitable):
    async with asyncio.timeout(PATIENCE):
        return await awaitable


async def test_r10_a_start_that_fails_is_tried_again_by_the_next_event():
    """R10: the waiting events fail; a failed start never poisons a room."""

    class Reluctant(Room):
        tries = 0

        async def on_start(self):
            Reluctant.tries += 1
            if Reluctant.tries < 3:
                raise ValueError("not yet")

        async def on_request(self, request):
            return {"tries": Reluctant.tries}

        async def on_exception(self, error, connection): ...

    async with running_room(Reluctant) as room:
        alice = await room.connect("alice")
        second = await room.get()
        third = await room.get()

        assert alice.closed[0] == 1011
        assert second.status_code == 500
        assert third.data == {"tries": 3}


@pytest.mark.parametrize("way", ["hangs", "stores-too-much"])
async def test_r10_a_start_may_fail_with_an_error_of_ours(way):
    """R10, G5: 500 and 1011 as for any other; only who is out of reach comes back."""

    class Unlucky(Room):
        async def on_start(self):
            if self.id == "hangs":
                await asyncio.Event().wait()
            self.storage.put("key", "x" * 2000)

        async def on_request(self, request):
            return {}

        async def on_exception(self, error, connection): ...

    async with on_stage(Unlucky, way, max_value_size=1000) as room:
        connecting = asyncio.create_task(room.connect("alice"))
        asking = asyncio.create_task(room.get())
        async with asyncio.timeout(PATIENCE):
            while not (connecting.done() and asking.done()):
                await turns_of_the_loop()
                room.pass_time(31)

        assert (await connecting).closed == (1011, "the room failed")
        assert (await asking).status_code == 500


async def test_r13_a_stop_lets_on_close_hear_of_everybody(journal):
    """R13, P4: then sockets get 1012, and the next event starts the room again."""
    async with running_room(journal) as room:
        alice = await room.connect("alice")
        await room.connect("bob")

        await room.stop()

        assert alice.closed[0] == 1012
        assert journal.notes[-2:] == ["close alice 1012", "close bob 1012"]
        await room.get()
        assert journal.notes[-2:] == ["start", "request"]


async def test_r13_a_connection_that_is_being_closed_is_heard_of_once(journal):
    """R13: with the room's own code, though the stop comes before its end."""

    class Closing(journal):
        async def on_message(self, message, sender):
            sender.close(4005, "enough")

    async with running_room(Closing) as room:
        alice = await room.connect("alice")
        await alice.send("go")
        await room.stop()

        assert journal.notes.count("close alice 4005") == 1
        assert not any("1012" in note for note in journal.notes)


async def test_r24_a_hibernating_rooms_connections_survive(journal):
    """R24: nobody hears anything; the next event starts the room, then is handled."""
    journal.hibernate = True
    async with running_room(journal) as room:
        alice = await room.connect("alice")

        await room.hibernate()
        await room.hibernate()
        await alice.send("hi")

        assert alice.closed is None
        assert journal.notes == ["start", "connect alice", "start", "hi"]


async def test_r24_who_leaves_while_the_room_is_away_is_heard_of_once(journal):
    """R13, R24: on_close wakes the room."""
    journal.hibernate = True
    async with running_room(journal) as room:
        alice = await room.connect("alice")
        await room.hibernate()

        await alice.close(4001)

        assert journal.notes[-2:] == ["start", "close alice 4001"]


async def test_g5_a_hook_that_never_ends_is_cancelled():
    """G5, R17: its turn is dropped, and the room goes on."""

    class Endless(Room):
        async def on_message(self, message, sender):
            if message == "hang":
                sender.send("never seen")
                self.storage.put("never", "stored")
                await asyncio.Event().wait()
            sender.send(message)

        async def on_exception(self, error, connection):
            connection.send(type(error).__name__)

    async with running_room(Endless) as room:
        alice = await room.connect("alice")
        hanging = asyncio.create_task(alice.send("hang"))
        await asyncio.sleep(0)

        await room.advance(seconds=31)
        await hanging
        await alice.send("on")

        assert alice.received == ["HookTimeout", "on"]
        assert await room.stored() == {}


async def test_g5_a_hook_that_swallows_its_cancellation_has_failed_all_the_same():
    """G5: what it does afterwards is not done."""

    class Stubborn(Room):
        async def on_message(self, message, sender):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.storage.put("late", 1)

        async def on_exception(self, error, connection):
            assert isinstance(error, HookTimeout)
            connection.send("failed")

    async with running_room(Stubborn) as room:
        alice = await room.connect("alice")
        hanging = asyncio.create_task(alice.send("hang"))
        await asyncio.sleep(0)

        await room.advance(seconds=31)
        await hanging

        assert alice.received == ["failed"]
        assert await room.stored() == {}


async def test_g2_a_lost_room_lets_nobody_wait(journal):
    """G2: its sockets get 1012, whoever asked hears that it stopped."""
    asked = asyncio.Event()

    class Thinking(journal):
        async def on_request(self, request):
            asked.set()
            await asyncio.Event().wait()

    async with running_room(Thinking) as room:
        alice = await room.connect("alice")
        asking = asyncio.create_task(room.get())
        await patiently(asked.wait())

        current_node().worker(room.key).lose()

        with pytest.raises(RoomStopped):
            await patiently(asking)
        assert alice.closed[0] == 1012


async def test_s8_a_replaced_owner_stops_its_room(journal):
    """S8: a commit of another epoch writes nothing; the next event claims anew."""

    class Replaced(journal):
        async def on_message(self, message, sender):
            self.storage.put("said", message)
            sender.send(message)

    async with running_room(Replaced) as room:
        alice = await room.connect("alice")
        await alice.send("one")
        _, row = current_node().store.tables.room(room.key)
        row.fence = type(row.fence)(row.fence.owner, row.fence.epoch + 1, 99)

        await alice.send("two")

        assert alice.received == ["one"]
        assert alice.closed[0] == 1012
        assert await room.stored() == {"said": "one"}
        assert (await room.get()).status_code == 200


@pytest.mark.parametrize("running", [True, False])
async def test_p4_a_deleted_room_is_empty_and_starts_again(running):
    """P4: whether it was in memory or not."""

    class Keeping(Room):
        async def on_request(self, request):
            if request.method == "POST":
                self.storage.put("kept", 1)
            return await self.storage.list()

    async with running_room(Keeping) as room:
        await room.post()
        if not running:
            await room.stop()

        await patiently(current_node().worker(room.key).delete())

        assert (await room.get()).data == {}


async def test_r24_an_idle_room_leaves_memory_and_gives_its_claim_up(journal):
    """R24: after IDLE_TIMEOUT without connections and events."""
    async with running_room(journal) as room:
        alice = await room.connect("alice")
        await room.advance(hours=1)
        with_alice = room.is_running
        await alice.close()

        await room.advance(seconds=61)

        assert (with_alice, room.is_running) == (True, False)
        assert current_node().worker(room.key).lifecycle.ownership.state is State.ABSENT


async def test_r23_background_work_ends_with_its_life(journal):
    """R23: and its exceptions go to on_exception."""
    ended = asyncio.Event()

    class Working(journal):
        async def on_message(self, message, sender):
            self.create_task(self.work() if message == "work" else self.fail())

        async def work(self):
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async def fail(self):
            raise ValueError

    async with running_room(Working) as room:
        alice = await room.connect("alice")
        await alice.send("work")
        await alice.send("fail")
        await alice.send("fail")

        await room.stop()

        await patiently(ended.wait())
        assert "ValueError" in journal.notes


async def test_g1_a_thousand_events_keep_their_order(journal):
    """G1: one at a time, in arrival order."""
    async with running_room(journal) as room:
        alice = await room.connect("alice")
        sending = [alice.send(str(number)) for number in range(1000)]

        await asyncio.gather(*sending)

        assert journal.notes[2:] == [str(number) for number in range(1000)]


class Costly(Room):
    """Each frame takes two milliseconds of the node's clock."""

    abstract = True

    async def on_start(self):
        self.handled = 0

    async def on_message(self, message, sender):
        self.clock.elapsed += float(message)
        self.handled += 1

    async def on_request(self, request):
        return {}


async def test_d8_a_busy_room_leaves_the_loop_to_others_after_five_milliseconds():
    """D8: what costs more than usual is not done fifty times in a row."""

    class Busy(Costly):
        party = "busy-slices"

    async with on_stage(Busy) as room:
        alice = await patiently(room.connect("alice"))
        room.instance.clock = room._timeline.clock
        for _ in range(100):
            room.put_in(alice, "0.002")
        steps, before = [], 0
        while room.instance.handled < 100:
            await asyncio.sleep(0)
            steps.append(room.instance.handled - before)
            before = room.instance.handled

        assert max(steps) == 3
        assert sum(steps) == 100


async def test_g6_a_request_that_would_wait_too_long_is_turned_away_at_once():
    """G6: 503 before MAILBOX_SIZE is reached; what waits is handled."""

    class Slow(Costly):
        party = "slow-requests"

    async with on_stage(Slow) as room:
        alice = await patiently(room.connect("alice"))
        room.instance.clock = room._timeline.clock
        for _ in range(100):
            room.put_in(alice, "1")
        while room.instance.handled < 40:  # noqa: ASYNC110 - it is what is looked at
            await asyncio.sleep(0)

        with pytest.raises(MailboxFull, match="more than CONNECT_TIMEOUT"):
            await room.get()
        await patiently(room.worker.until_idle())

        assert room.instance.handled == 100
        assert (await patiently(room.get())).status_code == 200
