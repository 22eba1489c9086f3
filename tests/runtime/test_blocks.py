"""Blocks of turns that fail, and of code at the same time: what counts of each."""

import asyncio
from contextlib import suppress

import pytest

from partyrooms import Room
from partyrooms.exceptions import HookTimeout, StorageLimitExceeded
from tests.runtime.stage import on_stage, patiently


class Acting(Room):
    """Runs what a test wants in a turn: a coroutine function, by its name."""

    party = "acting"
    acts = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors, self.tasks, self.told = [], [], []
        self.inside, self.go = asyncio.Event(), asyncio.Event()

    async def on_message(self, message, sender):
        await self.acts[message](self, sender)

    async def on_exception(self, error, connection):
        self.errors.append(error)

    def block(self, form):
        return getattr(self.storage, form)()

    async def pause(self):
        self.inside.set()
        await self.go.wait()


@pytest.fixture
def acts(monkeypatch):
    """What the room's hooks do, by the message that asks for it."""
    acts = {}
    monkeypatch.setattr(Acting, "acts", acts)
    return acts


def act(acts):
    return lambda function: acts.setdefault(function.__name__, function)


FORMS = pytest.mark.parametrize("form", ["transaction", "atomic"])


@FORMS
async def test_g5_a_block_of_a_hook_that_ignores_its_timeout_is_not_stored(acts, form):
    """G5, R17, S4: nothing of a dropped turn is stored, its open blocks included."""

    @act(acts)
    async def ignores(room, sender):
        async with room.block(form):
            room.storage.put("key", 1)
            with suppress(asyncio.CancelledError):
                await room.pause()

    async with on_stage(Acting) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "ignores")
        await patiently(room.instance.inside.wait())

        room.pass_time(31)
        await patiently(room.worker.until_idle())

        assert [type(error) for error in room.instance.errors] == [HookTimeout]
        assert await room.stored() == {}


@FORMS
async def test_r17_a_block_of_a_task_of_a_failed_hook_is_not_stored(acts, form):
    """R17, S4: the task, which goes on, hears that nothing of its block counts."""

    @act(acts)
    async def fails(room, sender):
        room.tasks.append(asyncio.create_task(later(room)))
        await room.inside.wait()
        raise ZeroDivisionError

    async def later(room):
        async with room.block(form):
            room.storage.put("before", 1)
            room.broadcast("before")
            await room.pause()
            room.storage.put("after", 1)

    async with on_stage(Acting) as room:
        alice = await patiently(room.connect("alice"))
        await patiently(alice.send("fails"))
        room.instance.go.set()

        with pytest.raises(RuntimeError, match="The hook around this block has raised"):
            await patiently(room.instance.tasks[0])
        await patiently(room.worker.until_idle())

        assert (await room.stored(), alice.received) == ({}, [])


@pytest.mark.parametrize("way", ["sync", "atomic"])
@pytest.mark.parametrize("where", ["hook", "background"])
async def test_s4_what_commits_is_refused_inside_of_a_transaction(acts, where, way):
    """S4, S5, S9: RuntimeError and nothing is stored, wherever the block is opened."""

    @act(acts)
    async def hook(room, sender):
        await commits(room)

    @act(acts)
    async def background(room, sender):
        room.tasks.append(room.create_task(commits(room)))

    async def commits(room):
        async with room.storage.transaction():
            room.storage.put("key", 1)
            if way == "sync":
                await room.storage.sync()
            else:
                async with room.storage.atomic():
                    room.storage.put("inside", 1)

    async with on_stage(Acting) as room:
        alice = await patiently(room.connect("alice"))
        await patiently(alice.send(where))
        await patiently(asyncio.gather(*room.instance.tasks))
        await patiently(room.worker.until_idle())

        (error,) = room.instance.errors
        with pytest.raises(RuntimeError, match=r"inside transaction\(\)"):
            raise error
        assert await room.stored() == {}


async def test_g2_a_block_that_fails_drops_nothing_of_code_beside_it(acts):
    """G2, S9: what is committed is said and what failed is not, by who wrote it."""

    @act(acts)
    async def both(room, sender):
        async def failing():
            async with room.storage.atomic():
                room.storage.put("failed", 1)
                sender.send("failed")
                sender.set_state("failed")
                await room.pause()
                raise ZeroDivisionError

        async def beside():
            await room.inside.wait()
            room.storage.put("beside", 1)
            sender.send("beside")
            room.go.set()

        await asyncio.gather(failing(), beside(), return_exceptions=True)
        sender.send_json(sender.state)

    async with on_stage(Acting) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("both"))

        assert await room.stored() == {"beside": 1}
        assert alice.received == ["beside", "null"]


async def test_g2_an_atomic_block_that_outlives_its_turn_says_what_it_stores(acts):
    """G2, S9: all of it behind its own commit, and nothing before."""

    @act(acts)
    async def leaves(room, sender):
        async def later():
            async with room.storage.atomic():
                room.storage.put("key", 1)
                sender.send("stored")
                await room.pause()

        room.tasks.append(asyncio.create_task(later()))
        await room.inside.wait()

    async with on_stage(Acting) as room:
        alice = await patiently(room.connect("alice"))
        await patiently(alice.send("leaves"))
        before = list(alice.received), await room.stored()
        room.instance.go.set()
        await patiently(room.instance.tasks[0])
        await patiently(room.worker.until_idle())

        assert before == ([], {})
        assert (alice.received, await room.stored()) == (["stored"], {"key": 1})


WRITERS = 4
SIZE = 400
"""Bytes: two of them fit into a room of 1,000, and three do not."""


async def write(room, number):
    with suppress(StorageLimitExceeded):
        async with room.storage.transaction():
            room.storage.put(str(number), "x" * SIZE)
            await asyncio.sleep(0)


async def in_one_hook(room, sender):
    await asyncio.gather(*(write(room, number) for number in range(WRITERS)))


async def in_the_background(room, sender):
    room.tasks += [room.create_task(write(room, number)) for number in range(WRITERS)]


async def after_removing_the_same(room, sender):
    room.storage.put("old", "x" * 2 * SIZE)
    await room.storage.sync()

    async def replace(number):
        with suppress(StorageLimitExceeded):
            async with room.storage.transaction():
                room.storage.delete("old")
                room.storage.put(str(number), "x" * 2 * SIZE)
                await asyncio.sleep(0)

    await asyncio.gather(*(replace(number) for number in range(WRITERS)))


async def after_another_has_removed_the_same(room, sender):
    room.storage.put("old", "x" * 2 * SIZE)
    await room.storage.sync()

    async def removes():
        async with room.storage.transaction():
            room.storage.delete("old")
            await room.inside.wait()
            room.storage.put("first", "x" * 2 * SIZE)

    async def removes_meanwhile():
        room.storage.delete("old")
        room.storage.put("second", "x" * SIZE)
        room.inside.set()

    with suppress(StorageLimitExceeded):
        await asyncio.gather(removes(), removes_meanwhile())


@pytest.mark.parametrize(
    ("way", "kept"),
    [
        (in_one_hook, 2 * SIZE),
        (in_the_background, 2 * SIZE),
        (after_removing_the_same, 2 * SIZE),
        (after_another_has_removed_the_same, SIZE),
    ],
    ids=lambda way: getattr(way, "__name__", ""),
)
async def test_s7_writers_at_the_same_time_share_the_rooms_bytes(acts, way, kept):
    """S7: bytes are taken at put, so the one that does not fit any more fails."""
    act(acts)(way)
    async with on_stage(Acting, max_room_size=1000) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send(way.__name__))
        await patiently(asyncio.gather(*room.instance.tasks))
        await patiently(room.worker.until_idle())

        stored = await room.stored()
        assert room.instance.errors == []
        assert sum(map(len, stored.values())) == kept


async def test_s7_a_block_that_fails_gives_its_bytes_back(acts):
    """S7: to whoever writes next, in the same turn or a later one."""

    @act(acts)
    async def tries(room, sender):
        for number in range(WRITERS):
            with suppress(ZeroDivisionError):
                async with room.storage.transaction():
                    room.storage.put("key", "x" * 2 * SIZE)
                    raise ZeroDivisionError
            room.storage.put(str(number), "x")

    async with on_stage(Acting, max_room_size=1000) as room:
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("tries"))
        await patiently(alice.send("tries"))

        assert room.instance.errors == []
        assert await room.stored() == {str(number): "x" for number in range(WRITERS)}
