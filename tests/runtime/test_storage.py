"""Room.storage: what a room writes, reads back, and keeps when something fails."""

import asyncio
from contextlib import suppress

import pytest

from partyrooms import Room
from partyrooms.exceptions import RoomStopped, StorageLimitExceeded
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop


class Storing(Room):
    """Runs what a test wants in a turn: a coroutine function that gets the room."""

    party = "storage-turns"

    async def on_start(self):
        self.errors = []
        self.tasks = []

    async def on_request(self, request):
        return {"result": await request(self)}

    async def on_exception(self, error, connection):
        self.errors.append(error)


class Stored:
    """A room on the stage, and turns of it."""

    def __init__(self, stage):
        self.stage = stage

    async def turn(self, work):
        """Run a coroutine function in a turn of the room; what it returned."""
        answer = await patiently(self.stage.worker.request(work))
        if answer.status == 500:
            raise self.stage.instance.errors[-1]
        return answer

    async def stored(self):
        return await self.stage.stored()

    @property
    def storage(self):
        return self.stage.instance.storage

    async def recounted(self):
        """The room's bytes, counted anew, and as its quota has them."""
        record, _ = self.stage.store.tables.room(self.stage.key)
        sizes = await self.stage.store.sizes(record)
        return sum(sizes.values()), self.stage.worker.life.data.quota.total


@pytest.fixture
async def room():
    async with on_stage(Storing, max_value_size=100, max_room_size=1000) as stage:
        await patiently(stage.worker.request(_nothing))
        yield Stored(stage)


async def _nothing(room):
    pass


async def test_s1_a_read_sees_what_the_turn_has_written(room):
    """S1: at once, whether it was committed or not."""
    seen = []

    async def work(room):
        room.storage.put("a", 1)
        seen.append(await room.storage.get("a"))
        room.storage.delete("a")
        seen.append(await room.storage.get("a", "gone"))

    await room.turn(work)

    assert seen == [1, "gone"]


async def test_s1_a_read_sees_what_an_earlier_turn_wrote_and_nobody_committed(room):
    """S1: while the commit is under way, and while it has not begun."""
    seen = []
    hold = room.stage.store.hold("commit")

    def put(key, value):
        async def work(room):
            room.storage.put(key, value)

        return work

    async def look(room):
        seen.append(await room.storage.get_many(["flying", "pending"]))
        seen.append(list(await room.storage.list()))

    room.stage.worker.request(put("flying", 1))
    await patiently(hold.reached.wait())
    room.stage.worker.request(put("pending", 2))
    room.stage.worker.request(look)
    await turns_of_the_loop(50)
    before = await room.stored()
    hold.go.set()
    await patiently(room.stage.worker.until_idle())

    assert before == {}
    assert seen == [{"flying": 1, "pending": 2}, ["flying", "pending"]]


async def test_s1_a_stored_none_is_not_the_default(room):
    """S1: the default is for keys that do not exist."""
    seen = []

    async def work(room):
        room.storage.put("none", None)
        seen.append(await room.storage.get("none", "default"))
        seen.append(await room.storage.get("nothing", "default"))

    await room.turn(work)

    assert seen == [None, "default"]


async def test_s1_a_value_read_is_the_callers_own_copy(room):
    """S1: and so is one that was written."""
    seen = []

    async def work(room):
        value = [1]
        room.storage.put("a", value)
        value.append(2)
        (await room.storage.get("a")).append(3)
        seen.append(await room.storage.get("a"))

    await room.turn(work)

    assert seen == [[1]]


async def test_s1_many_values_come_in_the_order_asked_for(room):
    """S1: those that exist."""
    seen = []

    async def work(room):
        room.storage.put_many({"a": 1, "b": 2})
        seen.append(await room.storage.get_many(["b", "nothing", "a"]))

    await room.turn(work)

    assert list(seen[0].items()) == [("b", 2), ("a", 1)]


@pytest.mark.parametrize("method", ["get_many", "delete_many"])
async def test_one_key_is_not_taken_for_a_list_of_its_letters(room, method):
    """The mistake is named."""

    async def work(room):
        await getattr(room.storage, method)("abc")

    with pytest.raises(TypeError, match="takes a list of keys"):
        await room.turn(work)


async def test_s2_writes_may_be_awaited_or_not(room):
    """S2: both are right, neither waits for the disk."""

    async def work(room):
        room.storage.put("a", 1)
        await room.storage.put("b", 2)
        await room.storage.put_many({"c": 3})
        await room.storage.delete("a")
        await room.storage.delete_many(["c", "nothing"])

    await room.turn(work)

    assert await room.stored() == {"b": 2}


async def test_s2_delete_all_removes_what_was_before_it_only(room):
    """S2: stored or not."""

    async def first(room):
        room.storage.put_many({"a": 1, "b": 2})

    async def second(room):
        room.storage.put("c", 3)
        await room.storage.delete_all()
        room.storage.put("d", 4)

    await room.turn(first)
    await room.turn(second)

    assert await room.stored() == {"d": 4}
    assert len(set(await room.recounted())) == 1


async def test_s7_put_many_writes_all_or_nothing(room):
    """S7: a value too many, and none is written or counted."""

    async def work(room):
        with pytest.raises(StorageLimitExceeded):
            room.storage.put_many({"a": 1, "b": "x" * 200})
        with pytest.raises(TypeError):
            room.storage.put_many({"a": 1, "b": object()})

    await room.turn(work)

    assert await room.stored() == {}
    assert await room.recounted() == (0, 0)


async def test_s7_a_room_takes_no_more_than_its_limit(room):
    """S7: a turn's own writes count at once, deletions too."""

    async def work(room):
        for number in range(9):
            room.storage.put(str(number), "x" * 98)
        with pytest.raises(StorageLimitExceeded, match="The room"):
            room.storage.put("more", "x" * 98)
        room.storage.delete("0")
        room.storage.put("more", "x" * 90)

    await room.turn(work)

    assert len(await room.stored()) == 9


async def test_s7_a_failed_turn_gives_back_what_it_took(room):
    """S7: the next one may write as much."""

    async def work(room):
        for number in range(9):
            room.storage.put(str(number), "x" * 98)
        raise ZeroDivisionError

    async def again(room):
        for number in range(9):
            room.storage.put(str(number), "x" * 98)

    with pytest.raises(ZeroDivisionError):
        await room.turn(work)
    await room.turn(again)

    assert len(await room.stored()) == 9


async def test_s4_a_block_that_raises_drops_its_own_writes_only(room):
    """S4: the turn goes on, and what it sends stays."""

    async def work(room):
        room.storage.put("before", 1)
        with suppress(ZeroDivisionError):
            async with room.storage.transaction():
                room.storage.put("inside", 2)
                room.storage.delete("before")
                raise ZeroDivisionError
        assert await room.storage.list() == {"before": 1}
        room.storage.put("behind", 3)

    await room.turn(work)

    assert await room.stored() == {"before": 1, "behind": 3}
    assert len(set(await room.recounted())) == 1


async def test_s4_a_block_that_deletes_all_is_taken_back_too(room):
    """S4: with what the turn had written before."""

    async def first(room):
        room.storage.put("stored", 1)

    async def second(room):
        room.storage.put("written", 2)
        with suppress(ZeroDivisionError):
            async with room.storage.transaction():
                room.storage.delete_all()
                room.storage.put("inside", 3)
                assert await room.storage.list() == {"inside": 3}
                raise ZeroDivisionError
        assert await room.storage.list() == {"stored": 1, "written": 2}

    await room.turn(first)
    await room.turn(second)

    assert await room.stored() == {"stored": 1, "written": 2}
    assert len(set(await room.recounted())) == 1


async def test_s4_blocks_may_be_nested(room):
    """S4: the inner one is the outer one's; the outer one takes it with it."""

    async def work(room):
        storage = room.storage
        async with storage.transaction():
            storage.put("a", 1)
            with suppress(ZeroDivisionError):
                async with storage.transaction():
                    storage.put("a", 2)
                    raise ZeroDivisionError
            assert await storage.get("a") == 1
        with suppress(ZeroDivisionError):
            async with storage.transaction():
                async with storage.transaction():
                    storage.put("b", 3)
                assert await storage.get("b") == 3
                raise ZeroDivisionError

    await room.turn(work)

    assert await room.stored() == {"a": 1}
    assert len(set(await room.recounted())) == 1


async def test_s4_blocks_at_the_same_time_are_dropped_one_by_one(room):
    """S4: of two in one hook, the one that fails takes nothing of the other."""
    begun, seen = asyncio.Event(), []

    async def work(room):
        async def failing():
            async with room.storage.transaction():
                room.storage.put("a", 1)
                await begun.wait()
                raise ZeroDivisionError

        async def going_on():
            async with room.storage.transaction():
                room.storage.put("b", 2)
                seen.append(await room.storage.list())
                begun.set()
                await asyncio.sleep(0)

        await asyncio.gather(failing(), going_on(), return_exceptions=True)

    await room.turn(work)

    assert seen == [{"b": 2}]
    assert await room.stored() == {"b": 2}


async def test_s4_a_block_that_outlives_its_turn_is_kept_whole(room):
    """S4: all or nothing, in a turn of its own."""
    go = asyncio.Event()

    async def work(room):
        async def later():
            async with room.storage.transaction():
                room.storage.put("a", 1)
                await go.wait()
                room.storage.put("b", 2)

        room.tasks.append(asyncio.create_task(later()))
        await asyncio.sleep(0)

    await room.turn(work)
    before = await room.stored()
    go.set()
    await patiently(room.stage.instance.tasks[0])
    await patiently(room.stage.worker.until_idle())

    assert before == {}
    assert await room.stored() == {"a": 1, "b": 2}


async def test_s4_a_block_whose_outer_block_has_failed_is_dropped_with_it(room):
    """S4: gather() leaves the others running when one of them fails."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def work(room):
        async def failing():
            await begun.wait()
            raise ZeroDivisionError

        async def later():
            async with room.storage.transaction():
                room.storage.put("inner", 1)
                begun.set()
                await go.wait()

        room.tasks.append(asyncio.ensure_future(later()))
        with suppress(ZeroDivisionError):
            async with room.storage.transaction():
                # In a task that knows of this block.
                room.tasks.append(asyncio.create_task(later()))
                await failing()

    await room.turn(work)
    go.set()
    await patiently(asyncio.gather(*room.stage.instance.tasks))
    await patiently(room.stage.worker.until_idle())

    # The one that was begun outside of the block is a turn of its own.
    assert await room.stored() == {"inner": 1}


async def test_s5_sync_commits_the_turns_writes_so_far(room):
    """S5: and they stay if the turn fails later."""

    async def work(room):
        room.storage.put("a", 1)
        await room.storage.sync()
        room.storage.put("b", 2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await room.turn(work)

    assert await room.stored() == {"a": 1}
    assert len(set(await room.recounted())) == 1


async def test_s5_what_is_sent_before_a_sync_leaves_with_the_turn(room):
    """S5, G2: only the writes' atomicity ends at that point."""
    alice = await patiently(room.stage.connect("alice"))
    seen = []

    async def work(room):
        room.broadcast("one")
        room.storage.put("a", 1)
        await room.storage.sync()
        seen.append(list(alice.received))
        room.broadcast("two")

    await room.turn(work)

    assert (seen, alice.received) == ([[]], ["one", "two"])


async def test_s5_sync_inside_of_a_block_says_that_it_cannot_be(room):
    """S5: it could not be undone any more."""

    async def work(room):
        async with room.storage.transaction():
            room.storage.put("a", 1)
            await room.storage.sync()

    with pytest.raises(RuntimeError, match="inside transaction"):
        await room.turn(work)

    assert await room.stored() == {}


async def test_s5_sync_waits_for_earlier_turns_too(room):
    """S5: all writes so far, this turn having none."""
    hold = room.stage.store.hold("commit")

    async def write(room):
        room.storage.put("a", 1)

    async def work(room):
        await room.storage.sync()

    room.stage.worker.request(write)
    await patiently(hold.reached.wait())
    waiting = asyncio.ensure_future(room.stage.worker.request(work))
    await turns_of_the_loop()
    before = waiting.done()
    hold.go.set()
    await patiently(waiting)

    assert before is False


async def test_s8_a_replaced_owner_can_neither_sync_nor_write_any_more(room):
    """S8: RoomStopped, for whoever still holds the instance."""
    storage = room.storage
    await patiently(room.stage.stop())

    with pytest.raises(RoomStopped):
        await storage.sync()
    with pytest.raises(RoomStopped):
        storage.put("a", 1)
    with pytest.raises(RoomStopped):
        async with storage.transaction():
            storage.put("a", 1)


async def test_r23_background_work_sees_no_turn_that_may_still_fail(room):
    """S1, R23: nor does what it writes vanish with that turn."""
    seen = []
    inside, go = asyncio.Event(), asyncio.Event()

    async def background(room):
        await inside.wait()
        seen.append(await room.storage.get("a"))
        room.storage.put("a", "background")
        go.set()

    async def failing(room):
        room.create_task(background(room))
        room.storage.put("a", "turn")
        inside.set()
        await go.wait()
        raise ZeroDivisionError

    async def look(room):
        seen.append(await room.storage.get("a"))

    with pytest.raises(ZeroDivisionError):
        await room.turn(failing)
    await room.turn(look)

    assert seen == [None, "background"]
    assert await room.stored() == {"a": "background"}
    assert len(set(await room.recounted())) == 1


async def test_r23_of_two_turns_at_a_time_the_later_end_wins_everywhere(room):
    """S1: a read gives what is stored, also where it need not ask."""
    seen = []
    inside, go = asyncio.Event(), asyncio.Event()

    async def background(room):
        await inside.wait()
        room.storage.put("a", "background, longer")
        room.storage.put("b", 1)
        go.set()

    async def first(room):
        room.create_task(background(room))
        room.storage.put("a", "turn")
        inside.set()
        await go.wait()

    async def look(room):
        seen.append(await room.storage.list())
        seen.append(await room.storage.get_many(["a", "b"]))

    await room.turn(first)
    await room.turn(look)

    assert seen == [{"a": "turn", "b": 1}] * 2
    assert await room.stored() == {"a": "turn", "b": 1}
    assert len(set(await room.recounted())) == 1


async def test_a_read_that_a_write_overtakes_is_not_kept(room):
    """The store answers with the value from before; nobody may believe it later."""
    seen = []

    async def first(room):
        room.storage.put("a", 1)

    async def reading(room):
        seen.append(await room.storage.get("a"))

    async def background(room):
        room.storage.put("a", 2)
        await room.storage.sync()

    await room.turn(first)
    await patiently(room.stage.stop())
    await room.turn(_nothing)
    hold = room.stage.store.hold("read")
    waiting = asyncio.ensure_future(room.turn(reading))
    await patiently(hold.reached.wait())
    instance = room.stage.instance
    await patiently(instance.create_task(background(instance)))
    hold.go.set()
    await patiently(waiting)
    await room.turn(reading)

    assert seen[-1] == 2


async def test_s3_a_list_is_of_one_moment(room):
    """S3: what is written while the store is asked is not half of it."""
    seen = []

    async def first(room):
        room.storage.put_many({"a": 1, "b": 2, "c": 3})

    async def listing(room):
        seen.append(await room.storage.list(limit=2))

    await room.turn(first)
    hold = room.stage.store.hold("scan")
    waiting = asyncio.ensure_future(room.turn(listing))
    await patiently(hold.reached.wait())
    room.storage.put("0", 0)
    room.storage.delete_many(["a", "b"])
    hold.go.set()
    await patiently(waiting)

    assert len(seen[0]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "a", "start_after": "b"}, "not both"),
        ({"limit": -1}, "0 or more"),
        ({"limit": "5"}, "limit= as int or None, not '5'"),
        ({"prefix": b"a"}, "prefix= as str or None, not b'a'"),
        ({"end": 5}, "end= as str or None, not 5"),
    ],
)
async def test_s3_options_that_cannot_be_are_named(room, options, message):
    """S3: before anything is asked."""

    async def work(room):
        await room.storage.list(**options)

    with pytest.raises((TypeError, ValueError), match=message):
        await room.turn(work)


async def test_r7_a_plain_function_stores_and_reads_in_its_turn():
    """R7: reading through async_to_sync; a failure takes it all back."""
    from asgiref.sync import async_to_sync

    class Plain(Room):
        party = "storage-turns-plain"

        def on_request(self, request):
            self.storage.put("a", 1)
            seen = async_to_sync(self.storage.get)("a")

            async def block():
                async with self.storage.transaction():
                    self.storage.put("b", 2)
                await self.storage.sync()

            async_to_sync(block)()
            self.storage.put("c", 3)
            if request.method == "POST":
                raise ZeroDivisionError
            return {"seen": seen}

        async def on_exception(self, error, connection): ...

    async with on_stage(Plain) as stage:
        failed = await patiently(stage.post())
        after_failure = await stage.stored()
        answer = await patiently(stage.get())

        assert (failed.status_code, after_failure) == (500, {"a": 1, "b": 2})
        assert answer.data == {"seen": 1}
        assert await stage.stored() == {"a": 1, "b": 2, "c": 3}
