"""Room.storage beside a plain dict, through everything that can happen to a room."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partyrooms import Room
from partyrooms.core.values import encode
from partyrooms.exceptions import RoomStopped
from partyrooms.runtime import committer
from tests.runtime.stage import on_stage, patiently

TEXTS = ["", "a", "aa", "ab", "b", "ba", "\x7f", "é", "\uffff", "\U0001f600"]
KEYS = st.sampled_from(TEXTS[1:])
VALUES = st.one_of(st.integers(0, 9), st.text(max_size=30), st.none())
BOUNDS = st.one_of(st.none(), st.sampled_from(TEXTS))
SPANS = st.fixed_dictionaries(
    {
        "prefix": st.sampled_from(TEXTS),
        "start": BOUNDS,
        "start_after": st.none(),
        "end": BOUNDS,
        "limit": st.one_of(st.none(), st.integers(0, 4)),
        "reverse": st.booleans(),
    }
) | st.fixed_dictionaries({"start_after": st.sampled_from(TEXTS[1:])})
LEAVES = st.one_of(
    st.tuples(st.just("put"), st.dictionaries(KEYS, VALUES, max_size=3)),
    st.tuples(st.just("delete"), st.lists(KEYS, max_size=3)),
    st.tuples(st.just("clear")),
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("list"), SPANS),
)
STEPS = st.recursive(
    LEAVES,
    lambda steps: st.tuples(
        st.just("block"), st.lists(steps, max_size=4), st.booleans()
    ),
    max_leaves=6,
)
TURNS = st.tuples(
    st.lists(STEPS | st.tuples(st.just("sync")), max_size=6),
    st.sampled_from(["ends", "raises", "reply lost", "crashes", "hibernates"]),
)


@pytest.fixture(scope="module", autouse=True)
def hurry():
    """A commit whose answer was lost is repeated at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(committer, "COMMIT_RETRY_DELAYS", (0.0,))
        yield


class Scripted(Room):
    """Follows a script, and compares what it reads with a plain dict."""

    party = "scripted"

    async def on_request(self, request):
        await request(self)

    async def on_exception(self, error, connection): ...


class Script:
    """A turn's steps; ``plain`` is what must be in the room, ``kept`` what stays."""

    def __init__(self, kept, steps, *, raises):
        self.kept = kept
        self.plain = dict(kept)
        self.wrong = []
        self._steps = steps
        self._raises = raises

    async def __call__(self, room):
        for step in self._steps:
            await self.follow(room.storage, *step)
        if self._raises:
            raise ZeroDivisionError
        self.kept = self.plain

    async def follow(self, storage, kind, *arguments):
        await getattr(self, kind)(storage, *arguments)

    async def put(self, storage, values):
        storage.put_many(values)
        self.plain.update(values)

    async def delete(self, storage, keys):
        await storage.delete_many(keys)
        for key in keys:
            self.plain.pop(key, None)

    async def clear(self, storage):
        storage.delete_all()
        self.plain.clear()

    async def get(self, storage, key):
        self.compare(await storage.get(key, "no"), self.plain.get(key, "no"))

    async def list(self, storage, span):
        found = await storage.list(**span)
        self.compare(list(found.items()), listed(self.plain, **span))

    async def sync(self, storage):
        await storage.sync()
        self.kept = dict(self.plain)

    async def block(self, storage, steps, raises):
        before = dict(self.plain)
        try:
            async with storage.transaction():
                for step in steps:
                    await self.follow(storage, *step)
                if raises:
                    raise KeyError
        except KeyError:
            self.plain = before

    def compare(self, found, wanted):
        if found != wanted:
            self.wrong.append((found, wanted))


def listed(
    plain, prefix="", start=None, start_after=None, end=None, limit=None, reverse=False
):
    """What list() gives, from a plain dict, as S3 words it."""
    rows = [
        (key, value)
        for key, value in plain.items()
        if key.startswith(prefix)
        and (start is None or key.encode() >= start.encode())
        and (start_after is None or key.encode() > start_after.encode())
        and (end is None or key.encode() < end.encode())
    ]
    rows.sort(key=lambda row: row[0].encode(), reverse=reverse)
    return rows[:limit]


async def follow(turns):
    plain = {}
    async with on_stage(Scripted) as stage:
        for steps, ending in turns:
            script = Script(plain, steps, raises=ending == "raises")
            if ending == "crashes":
                plain = await crash_in_commit(stage, script)
                continue
            stage.store.loses_reply = ending == "reply lost"
            await patiently(stage.worker.request(script))
            stage.store.loses_reply = False
            if ending == "hibernates":
                await patiently(stage.hibernate())
            plain = script.kept
            assert script.wrong == []
            assert await stage.stored() == plain
            if stage.is_running:
                assert stage.worker.life.data.quota.total == size_of(plain)


async def crash_in_commit(stage, script):
    """Let the process end before the turn's own commit has done anything."""
    synced = [step for step in script._steps if step == ("sync",)]
    if synced:
        script._steps = [step for step in script._steps if step != ("sync",)]
    hold = stage.store.hold("commit")
    asked = asyncio.ensure_future(stage.worker.request(script))
    reached = asyncio.ensure_future(hold.reached.wait())
    await patiently(asyncio.wait([asked, reached], return_when=asyncio.FIRST_COMPLETED))
    reached.cancel()
    if asked.done():  # It wrote nothing.
        stage.store.let_go("commit")
        assert (await asked).status == 204
        return script.kept
    before = await stage.stored()
    await patiently(stage.crash())
    hold.go.set()
    try:
        await patiently(asked)
    except RoomStopped:
        pass
    else:
        raise AssertionError("It was answered though nothing is stored.")
    assert script.wrong == []
    return before


def size_of(plain):
    return sum(len(key.encode()) + len(encode(value)) for key, value in plain.items())


@settings(max_examples=100)
@given(st.lists(TURNS, max_size=6))
def test_a_room_stores_what_a_dict_would(turns):
    """S1-S5, G2, G3, S11: reads, ranges, the quota, and what is left afterwards."""
    asyncio.run(follow(turns))
