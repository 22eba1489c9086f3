"""storage.atomic(): what it does to the turn, the gate and the rest of the room."""

import asyncio
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from partyrooms import Room
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import (
    BlockTimeout,
    HookTimeout,
    RoomStopped,
    StoreUnavailable,
)
from partyrooms.runtime import atomic as block_module
from partyrooms.runtime.turn_over import TurnOver
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.testing.memory_transaction import MemoryTransaction
from tests.runtime.stage import PATIENCE, on_stage, patiently, turns_of_the_loop


class Paying(Room):
    """Runs the method that a message names; keeps what went wrong."""

    party = "atomic"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors = []
        self.inside, self.go = asyncio.Event(), asyncio.Event()
        self.done = asyncio.Event()

    async def on_message(self, message, sender):
        await getattr(self, message)(sender)

    async def on_exception(self, error, connection):
        self.errors.append(error)
        self.done.set()

    async def pause(self):
        self.inside.set()
        await self.go.wait()

    async def stores(self, sender):
        self.storage.put("stored", 1)
        sender.send("stored")

    async def pays(self, sender):
        self.storage.put("before", 1)
        sender.send("before")
        async with self.storage.atomic():
            self.storage.put("inside", await self.storage.get("before"))
            sender.send("inside")
            await self.pause()
        self.storage.put("behind", 1)
        sender.send("behind")

    async def pays_and_fails(self, sender):
        await self.pays(sender)
        raise ValueError

    async def fails_inside(self, sender):
        self.storage.put("before", 1)
        sender.send("before")
        try:
            async with self.storage.atomic():
                self.storage.put("inside", 1)
                self.storage.delete("before")
                self.broadcast("inside")
                sender.set_state("inside")
                await self.pause()
                raise ValueError
        except ValueError:
            sender.send_json([await self.storage.list(), sender.state])

    async def pays_in_the_background(self, sender):
        self.create_task(self.pays_and_says(sender))

    async def pays_and_says(self, sender):
        await self.pays(sender)
        self.done.set()


async def begun(room, message):
    """A client whose hook waits inside the block."""
    alice = await patiently(room.connect("alice"))
    room.put_in(alice, message)
    await patiently(room.instance.inside.wait())
    return alice


async def ended(room):
    """Let the block go on, and wait until the room rests."""
    room.instance.go.set()
    await patiently(room.worker.until_idle())


def version(room):
    _, row = room.store.tables.room(room.key)
    return row.fence.version


async def test_s9_the_turn_before_the_block_and_the_block_are_one_commit():
    """S9: nothing of both is stored before its end; what is behind is another one."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays")
        during = await room.stored(), list(alice.received)
        await ended(room)

        assert during == ({}, [])
        assert await room.stored() == {"before": 1, "inside": 1, "behind": 1}
        assert alice.received == ["before", "inside", "behind"]
        assert version(room) == 2


async def test_s9_what_the_block_committed_stays_if_the_hook_fails():
    """S9, R17: its outputs do not leave, for they are the turn's."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays_and_fails")
        await ended(room)

        assert await room.stored() == {"before": 1, "inside": 1}
        assert alice.received == []


async def test_s9_a_rolled_back_block_broadcasts_nothing():
    """S9: its writes, outputs and states are dropped; what was before it is not."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "fails_inside")
        await ended(room)

        assert await room.stored() == {"before": 1}
        assert alice.received == ["before", '[{"before":1},null]']


async def test_s9_in_background_work_the_block_is_a_turn_of_its_own():
    """S9, R23: as a transaction() is."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays_in_the_background")
        room.instance.go.set()
        await patiently(room.instance.done.wait())
        await patiently(room.worker.until_idle())

        assert await room.stored() == {"before": 1, "inside": 1, "behind": 1}
        assert alice.received == ["before", "inside", "behind"]


async def test_s9_a_block_in_the_background_that_fails_leaves_nothing():
    """S9, R23: what was a turn of its own before stays."""

    class Failing(Paying):
        party = "atomic-background"

        async def pays_in_the_background(self, sender):
            self.create_task(self.fails(sender))

        async def fails(self, sender):
            async with self.storage.atomic():
                self.storage.put("inside", 1)
                sender.send("inside")
                await self.pause()
                raise ValueError

    async with on_stage(Failing) as room:
        alice = await begun(room, "pays_in_the_background")
        room.instance.go.set()
        await patiently(room.instance.done.wait())
        await patiently(room.worker.until_idle())

        assert (await room.stored(), alice.received) == ({}, [])
        assert [type(error) for error in room.instance.errors] == [ValueError]


async def test_g3_what_is_written_meanwhile_is_committed_with_the_block():
    """S9, G3: and by nobody else, for the block has the room's row."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays")
        connection = room.instance.get_connection("alice")
        room.instance.create_task(room.instance.stores(connection))
        await turns_of_the_loop()
        during = await room.stored(), list(alice.received), version(room)
        room.instance.go.set()
        await patiently(room.worker.until_idle())

        everything = {"stored": 1, "before": 1, "inside": 1, "behind": 1}
        assert during == ({}, [], 0)
        assert await room.stored() == everything
        assert alice.received == ["stored", "before", "inside", "behind"]
        assert version(room) == 2


async def test_g3_what_is_written_meanwhile_survives_a_rollback():
    """S9: it is committed on its own."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "fails_inside")
        connection = room.instance.get_connection("alice")
        room.instance.create_task(room.instance.stores(connection))
        await turns_of_the_loop()
        await ended(room)

        assert await room.stored() == {"stored": 1, "before": 1}
        assert alice.received[0] == "stored"


async def test_s9_blocks_of_one_room_wait_for_each_other():
    """S9: the second one begins when the first one has ended."""

    class Two(Paying):
        party = "atomic-two"

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.order = []

        async def both(self, sender):
            await asyncio.gather(self.one("first"), self.one("second"))

        async def one(self, name):
            async with self.storage.atomic():
                self.order.append(f"{name} begins")
                self.storage.put(name, await self.storage.list())
                await self.pause()
                self.order.append(f"{name} ends")

    async with on_stage(Two) as room:
        await begun(room, "both")
        await turns_of_the_loop()
        during = list(room.instance.order)
        await ended(room)

        assert during == ["first begins"]
        assert room.instance.order[1:] == ["first ends", "second begins", "second ends"]
        assert await room.stored() == {"first": {}, "second": {"first": {}}}


class Nesting(Paying):
    """Opens blocks where they cannot be."""

    party = "atomic-nesting"

    async def atomic_in_atomic(self, sender):
        async with self.storage.atomic(), self.storage.atomic():
            pass

    async def atomic_in_transaction(self, sender):
        async with self.storage.transaction(), self.storage.atomic():
            pass

    async def sync_in_atomic(self, sender):
        async with self.storage.atomic():
            await self.storage.sync()

    async def with_in_a_coroutine(self, sender):
        with self.storage.atomic():
            pass


@pytest.mark.parametrize(
    ("way", "remedy"),
    [
        ("atomic_in_atomic", r"Open it around transaction\(\), or behind it"),
        ("atomic_in_transaction", r"Open it around transaction\(\), or behind it"),
        ("sync_in_atomic", "Call it after the block"),
        ("with_in_a_coroutine", r"write `async with self.storage.atomic\(\):`"),
    ],
)
async def test_s9_a_block_where_it_cannot_be_says_how_to_mend_it(way, remedy):
    """S9: RuntimeError; the room goes on."""
    async with on_stage(Nesting) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send(way))
        await patiently(alice.send("stores"))

        (error,) = room.instance.errors
        with pytest.raises(RuntimeError, match=remedy):
            raise error
        assert alice.received == ["stored"]


async def test_s4_a_transaction_inside_of_a_block():
    """S4, S9: its failure is not the block's."""

    class Inner(Paying):
        party = "atomic-inner"

        async def pays(self, sender):
            async with self.storage.atomic():
                self.storage.put("a", 1)
                async with self.storage.transaction():
                    self.storage.put("b", 1)
                try:
                    async with self.storage.transaction():
                        self.storage.put("c", 1)
                        raise ValueError
                except ValueError:
                    self.storage.put("d", await self.storage.list())

    async with on_stage(Inner) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("pays"))

        assert await room.stored() == {"a": 1, "b": 1, "d": {"a": 1, "b": 1}}


async def test_s9_a_replaced_owner_does_not_begin():
    """S8, S9, G2: the room is stopped, its sockets closed; nothing is stored."""
    async with on_stage(Paying) as room:
        alice = await patiently(room.connect("alice"))
        other = MemoryStore(room.store.tables)
        room.store.tables.dead.add(room.store.node_id)
        await other.claim(RoomKey("atomic", "test"))
        instance = room.instance

        await patiently(alice.send("pays"))

        assert not instance.inside.is_set()
        assert (alice.closed[0], alice.received) == (1012, [])
        assert (room.is_running, await room.stored()) == (False, {})


async def test_s9_a_room_that_is_lost_inside_of_a_block_stores_nothing():
    """S8, S9: the hook is interrupted, the block rolled back."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays")

        room.worker.lose()
        await patiently(room.worker.until_idle())

        assert (await room.stored(), alice.received) == ({}, [])
        assert alice.closed[0] == 1012


async def test_g5_a_hook_whose_time_is_over_inside_of_a_block_stores_nothing():
    """G5, S9: and the room goes on."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays")

        room.pass_time(31)
        await patiently(room.worker.until_idle())
        await patiently(alice.send("stores"))

        assert [type(error) for error in room.instance.errors] == [HookTimeout]
        assert (await room.stored(), alice.received) == ({"stored": 1}, ["stored"])


async def test_s9_a_block_that_takes_too_long_is_rolled_back(monkeypatch):
    """S9: for it may hold the only writer; the error says what to do."""
    async with on_stage(Paying) as room:
        monkeypatch.setattr(room.store, "atomic_limit", 0.01)
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("pays"))
        await patiently(alice.send("stores"))

        (error,) = room.instance.errors
        with pytest.raises(BlockTimeout, match="before the block or behind it"):
            raise error
        assert (await room.stored(), alice.received) == ({"stored": 1}, ["stored"])


async def test_s9_a_database_that_is_away_begins_no_block():
    """D9, S9: StoreUnavailable; no socket closes, and later it goes well."""
    async with on_stage(Paying) as room:
        alice = await patiently(room.connect("alice"))
        room.instance.go.set()
        room.store.tables.available = False

        await patiently(alice.send("pays"))
        room.store.tables.available = True
        await patiently(alice.send("pays"))

        assert [type(error) for error in room.instance.errors] == [StoreUnavailable]
        assert alice.received == ["before", "inside", "behind"]
        assert alice.closed is None


async def test_s9_a_commit_whose_answer_was_lost_is_done_once(monkeypatch):
    """S9: the row's version tells, as often as it takes; the hook goes on."""
    monkeypatch.setattr(block_module, "COMMIT_RETRY_DELAYS", (0.0,))
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays")
        room.store.tables.lose_next_reply = True

        await ended(room)

        assert room.instance.errors == []
        assert alice.received == ["before", "inside", "behind"]
        assert version(room) == 2


@pytest.fixture
def cut_off(monkeypatch):
    """Let COMMIT never arrive, once; only the row can tell that from a lost answer."""
    commit = MemoryTransaction.commit

    def cut(transaction, what):
        monkeypatch.setattr(MemoryTransaction, "commit", commit)
        transaction.roll_back()
        transaction.is_unsure = True
        raise StoreUnavailable("cut off")

    monkeypatch.setattr(MemoryTransaction, "commit", cut)


async def test_s9_a_commit_that_never_arrived_is_an_error(cut_off):
    """S9: the hook hears of it once the database has said so."""
    async with on_stage(Paying) as room:
        alice = await begun(room, "pays")
        asked = room.store.hold("outcome")

        room.instance.go.set()
        await patiently(asked.reached.wait())
        during = list(room.instance.errors)
        asked.go.set()
        await patiently(room.worker.until_idle())
        await patiently(alice.send("pays"))

        assert during == []
        assert [type(error) for error in room.instance.errors] == [StoreUnavailable]
        assert alice.received == ["before", "inside", "behind"]
        assert version(room) == 2


async def test_s7_what_was_rolled_back_counts_for_no_limit(cut_off):
    """S7, S9: neither what the block wrote nor what it deleted; reads are right."""

    class Large(Paying):
        party = "atomic-large"

        async def fills(self, sender):
            self.storage.put("old", "x" * 400)
            self.storage.put("kept", "as it was")

        async def swaps(self, sender):
            try:
                async with self.storage.atomic():
                    self.storage.delete("old")
                    self.storage.put("new", "y" * 900)
                    self.storage.put("kept", "changed")
                    await self.pause()
            except StoreUnavailable:
                self.storage.put("small", "z" * 400)
                sender.send_json(sorted(await self.storage.get_many(["old", "new"])))
                sender.send(await self.storage.get("kept"))

    async with on_stage(Large, max_room_size=1000) as room:
        alice = await patiently(room.connect("alice"))
        await patiently(alice.send("fills"))

        room.put_in(alice, "swaps")
        await patiently(room.instance.inside.wait())
        asked = room.store.hold("outcome")
        room.instance.go.set()
        await patiently(asked.reached.wait())
        during = room.worker.life.data.quota.total
        asked.go.set()
        await patiently(room.worker.until_idle())

        assert room.instance.errors == []
        assert during > 900
        sizes = await room.store.sizes(room.worker.life.claim.record)
        assert room.worker.life.data.quota.total == sum(sizes.values())
        assert alice.received == ['["old"]', "as it was"]
        assert sorted(await room.stored()) == ["kept", "old", "small"]


async def test_s9_an_error_of_commit_gives_the_turn_its_writes_back(monkeypatch):
    """S9: as an exception in the block does; a deferred constraint fails only then."""

    @contextmanager
    def fail_at_commit():
        yield
        raise LookupError("a deferred constraint")

    class Catching(Paying):
        party = "atomic-catching"

        async def pays(self, sender):
            try:
                await super().pays(sender)
            except LookupError:
                sender.send("caught")

    async with on_stage(Catching) as room:
        monkeypatch.setattr(room.store, "_around", fail_at_commit)
        alice = await begun(room, "pays")
        connection = room.instance.get_connection("alice")
        room.instance.create_task(room.instance.stores(connection))
        await turns_of_the_loop()
        await ended(room)

        assert await room.stored() == {"stored": 1, "before": 1}
        assert alice.received == ["stored", "before", "caught"]


class Threaded(Paying):
    """The same in hooks that are plain functions."""

    party = "atomic-threaded"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.thread_goes = threading.Event()
        self.late, self.thread_has_ended = [], asyncio.Event()

    def on_message(self, message, sender):
        self.storage.put("before", 1)
        sender.send("before")
        try:
            with self.storage.atomic():
                self.storage.put("inside", async_to_sync(self.storage.get)("before"))
                sender.send("inside")
                self._life.outputs._loop.call_soon_threadsafe(self.inside.set)
                self.thread_goes.wait(PATIENCE)
                if message == "fail":
                    raise LookupError
        except (LookupError, TurnOver) as error:
            self.late.append(type(error))
            self._life.outputs._loop.call_soon_threadsafe(self.thread_has_ended.set)


async def test_r7_a_plain_hook_opens_a_block_with_with():
    """R7, S9: the same promises."""
    async with on_stage(Threaded) as room:
        alice = await begun(room, "pay")
        during = await room.stored(), list(alice.received)
        room.instance.thread_goes.set()
        await patiently(room.worker.until_idle())

        assert during == ({}, [])
        assert await room.stored() == {"before": 1, "inside": 1}
        assert alice.received == ["before", "inside"]
        assert version(room) == 1


async def test_r7_a_plain_hooks_block_that_fails_is_rolled_back():
    """R7, S9: what was before it stays."""
    async with on_stage(Threaded) as room:
        alice = await begun(room, "fail")
        room.instance.thread_goes.set()
        await patiently(room.worker.until_idle())

        assert await room.stored() == {"before": 1}
        assert alice.received == ["before"]


async def test_g5_a_block_of_a_plain_hook_that_goes_on_too_long_stores_nothing():
    """G5, S9: its thread cannot be stopped; what it wants at the end is not done."""
    async with on_stage(Threaded) as room:
        alice = await begun(room, "pay")
        room.pass_time(31)
        await patiently(room.worker.until_idle())

        room.instance.thread_goes.set()
        await patiently(room.instance.thread_has_ended.wait())

        assert room.instance.late == [TurnOver]
        assert (await room.stored(), alice.received) == ({}, [])


async def test_s9_no_block_begins_in_a_life_that_is_over():
    """S9: RoomStopped."""
    async with on_stage(Paying) as room:
        await patiently(room.connect("alice"))
        old = room.instance
        await patiently(room.stop())

        with pytest.raises(RoomStopped):
            await patiently(old.pays(None))


async def test_r40_an_alarms_block_is_not_done_again():
    """R40, S9: it is committed with the alarm's end, whatever becomes of the hook."""

    class Ringing(Paying):
        party = "atomic-ringing"

        async def on_start(self):
            self.storage.set_alarm(timedelta(seconds=5))

        async def on_alarm(self):
            async with self.storage.atomic():
                self.storage.put("rung", await self.storage.get("rung", 0) + 1)
            raise ValueError

    async with on_stage(Ringing) as room:
        await patiently(room.connect("alice"))

        await patiently(room.advance(hours=1))

        assert (await room.stored(), room.alarm) == ({"rung": 1}, None)
        assert [type(error) for error in room.instance.errors] == [ValueError]
