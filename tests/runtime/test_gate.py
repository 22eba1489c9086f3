"""The output gate and the committer behind it, over a store that can fail."""

import asyncio

import pytest

from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.exceptions import RoomStopped
from partyrooms.runtime import committer as committer_module
from partyrooms.runtime.committer import Committer
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.turn import Turn
from partyrooms.testing.memory_store import MemoryStore

LOBBY = RoomKey("chat", "lobby")


class Life:
    """Stands for a life: its gate, and what has left."""

    def __init__(self, claim, committer):
        self.lost = 0
        self.left = []
        self.acts = True
        self.gate = Gate(claim, committer, self._lose, lambda: self.acts)

    def _lose(self):
        self.lost += 1

    def turn(self, output=None, **writes):
        turn = Turn(self)
        if output is not None:
            turn.outputs.append((self.left.append, output, None))
        for key, value in writes.items():
            turn.draft.writes.put(key.encode(), value)
        self.gate.close(turn)


@pytest.fixture
async def tasks():
    running = set()

    def spawn(coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        running.add(task)
        return task

    yield spawn
    for task in running:
        task.cancel()


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
async def life(store, tasks):
    return Life(await store.claim(LOBBY), Committer(store, tasks))


async def stored(store, life):
    return dict(await store.scan(life.gate.claim.record, Span()))


async def test_g4_a_turn_without_writes_leaves_at_once(life):
    """G4: nothing of its room waits."""
    life.turn("a")

    assert life.left == ["a"]


async def test_g2_outputs_wait_for_their_writes(life, store):
    """G2: and are there when the commit is."""
    life.turn("a", key=b"1")
    before = list(life.left)

    await life.gate.commit(None)

    assert (before, life.left) == ([], ["a"])
    assert await stored(store, life) == {b"key": b"1"}


async def test_g4_a_turn_without_writes_waits_behind_an_earlier_one_with_some(life):
    """G4: also when the earlier one has no outputs; order is kept."""
    life.turn(key=b"1")
    life.turn("a")
    life.turn("b", key=b"2")
    life.turn("c")
    before = list(life.left)

    await life.gate.commit(None)

    assert (before, life.left) == ([], ["a", "b", "c"])


async def test_g3_turns_go_on_while_a_commit_is_under_way(life, store):
    """G3: their writes are the next commit's."""
    life.turn("a", key=b"1")
    await asyncio.sleep(0)  # The commit has taken the first turn's writes.
    life.turn("b", key=b"2")

    await life.gate.commit(None)

    assert life.left == ["a", "b"]
    assert await stored(store, life) == {b"key": b"2"}


async def test_g2_a_lost_room_lets_nothing_leave(life, store):
    """G2: and its owner hears of it once."""
    other = MemoryStore(store.tables)
    store.tables.dead.add(store.node_id)
    await other.claim(LOBBY)

    life.turn("a", key=b"1")
    with pytest.raises(RoomStopped):
        await life.gate.commit(None)
    life.turn("b", key=b"2")
    life.turn("c")

    assert (life.left, life.lost) == ([], 1)
    assert await stored(store, life) == {}


async def test_d9_a_database_that_comes_back_is_written_to(life, store, monkeypatch):
    """D9: the commit is repeated; nothing left before."""
    monkeypatch.setattr(committer_module, "COMMIT_RETRY_DELAYS", (0.0,))
    store.tables.available = False
    life.turn("a", key=b"1")
    for _ in range(10):
        await asyncio.sleep(0)
    before = list(life.left)

    store.tables.available = True
    await life.gate.commit(None)

    assert (before, life.left, life.lost) == ([], ["a"], 0)


async def test_g2_a_commit_whose_answer_was_lost_is_not_done_twice(
    life, store, monkeypatch
):
    """G2: the version tells that it is done."""
    monkeypatch.setattr(committer_module, "COMMIT_RETRY_DELAYS", (0.0,))
    store.tables.lose_next_reply = True

    life.turn("a", key=b"1")
    await life.gate.commit(None)
    life.turn("b", key=b"2")
    await life.gate.commit(None)

    assert (life.left, life.lost) == (["a", "b"], 0)
    assert store.tables.rooms[life.gate.claim.record].fence.version == 2


async def test_s5_sync_takes_an_open_turns_writes(life, store):
    """S5: they are committed, though the turn goes on, and may fail."""
    turn = Turn(life)
    turn.draft.writes.put(b"key", b"1")

    await life.gate.commit(turn)
    turn.drop()

    assert await stored(store, life) == {b"key": b"1"}


async def test_nothing_leaves_while_the_lease_is_over(life):
    """It leaves, in order, once the node may act again."""
    life.acts = False
    life.turn("a")
    life.acts = True
    life.turn("b")
    before = list(life.left)

    life.gate.release()

    assert (before, life.left) == ([], ["a", "b"])


async def test_g3_many_rooms_share_a_commit(store, tasks, monkeypatch):
    """G3: one transaction for all that have something to write."""
    batches = []
    commit = store.commit

    async def count(batch):
        batches.append(len(batch))
        return await commit(batch)

    monkeypatch.setattr(store, "commit", count)
    committer = Committer(store, tasks)
    lives = [
        Life(await store.claim(RoomKey("chat", str(number))), committer)
        for number in range(20)
    ]

    for life in lives:
        life.turn("a", key=b"1")
    await asyncio.gather(*(life.gate.commit(None) for life in lives))

    assert batches == [20]
    assert all(life.left == ["a"] for life in lives)


async def test_writes_that_cannot_be_stored_stop_their_room_only(
    store, tasks, monkeypatch, caplog
):
    """D8: the others of the batch are committed."""
    commit = store.commit

    async def refuse_one(batch):
        if any(one.claim.key.room_id == "bad" for one in batch):
            raise ValueError("no such thing")
        return await commit(batch)

    monkeypatch.setattr(store, "commit", refuse_one)
    committer = Committer(store, tasks)
    bad = Life(await store.claim(RoomKey("chat", "bad")), committer)
    good = Life(await store.claim(RoomKey("chat", "good")), committer)

    bad.turn("a", key=b"1")
    good.turn("a", key=b"1")
    await good.gate.commit(None)

    assert (good.left, good.lost) == (["a"], 0)
    assert (bad.left, bad.lost) == ([], 1)
    assert "chat/bad cannot be committed" in caplog.text
