"""Group commit: which writes share a transaction, and what is tried again."""

import asyncio

import pytest

from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.store import NOTHING
from partyrooms.runtime import committer as committer_module
from partyrooms.runtime.committer import COMMIT_RETRY_DELAYS, Committer
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.turn import Turn
from partyrooms.testing.memory_store import MemoryStore
from tests.runtime.stage import HeldStore, patiently, turns_of_the_loop


class CountingStore(HeldStore):
    """Notes how many rooms each commit has; ``failures`` are raised first."""

    def __init__(self):
        super().__init__()
        self.batches = []
        self.failures = []

    async def commit(self, batch):
        self.batches.append(len(batch))
        if self.failures:
            raise self.failures.pop(0)
        return await super().commit(batch)


class Tasks:
    """Owns what the committer starts, as a node does."""

    def __init__(self):
        self.started = []

    def spawn(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.started.append(task)
        return task


class Life:
    """Stands for a life: its gate, what has left, and how often it was lost."""

    def __init__(self, claim, committer):
        self.left = []
        self.lost = 0
        self.fails_to_end = False
        self.gate = Gate(claim, committer, self._lose)

    def _lose(self):
        self.lost += 1
        if self.fails_to_end:
            raise LookupError("the end")

    def turn(self, output, **writes):
        turn = Turn(self)
        deliver = output if callable(output) else self.left.append
        turn.outputs.append((deliver, output, None))
        for key, value in writes.items():
            turn.draft.writes.put(key.encode(), value)
        self.gate.close(turn)


@pytest.fixture
def store():
    return CountingStore()


@pytest.fixture
async def tasks():
    tasks = Tasks()
    yield tasks
    for task in tasks.started:
        task.cancel()
    await asyncio.gather(*tasks.started, return_exceptions=True)


@pytest.fixture
def committer(store, tasks):
    return Committer(store, tasks.spawn)


@pytest.fixture
def no_delays(monkeypatch):
    monkeypatch.setattr(committer_module, "COMMIT_RETRY_DELAYS", (0.0,))


async def lives(store, committer, *room_ids):
    return [
        Life(await store.claim(RoomKey("chat", room_id)), committer)
        for room_id in room_ids
    ]


async def stored(store, life):
    return dict(await store.scan(life.gate.claim.record, Span()))


async def test_a_task_runs_only_while_something_is_to_be_written(
    store, committer, tasks
):
    """And there is never a second one, whatever comes meanwhile."""
    (life,) = await lives(store, committer, "lobby")
    life.turn("a", key=b"1")
    life.turn("b", key=b"2")
    await patiently(life.gate.commit(None))
    await turns_of_the_loop()
    first = [task.done() for task in tasks.started]

    life.turn("c", key=b"3")
    await patiently(life.gate.commit(None))

    assert first == [True]
    assert len(tasks.started) == 2


async def test_g3_what_comes_during_a_commit_is_the_next_ones(store, committer):
    """G3: turns of several rooms gather for it."""
    one, two = await lives(store, committer, "one", "two")
    hold = store.hold("commit")
    one.turn("a", key=b"1")
    await patiently(hold.reached.wait())

    one.turn("b", key=b"2")
    one.turn("c", key=b"3")
    two.turn("d", key=b"4")
    hold.go.set()
    await patiently(asyncio.gather(one.gate.commit(None), two.gate.commit(None)))

    assert store.batches == [1, 2]
    assert (one.left, two.left) == (["a", "b", "c"], ["d"])
    assert await stored(store, one) == {b"key": b"3"}


async def test_a_room_that_was_lost_is_not_written(store, committer):
    """Though its writes were added while it was not."""
    lost, kept = await lives(store, committer, "lost", "kept")
    lost.turn("a", key=b"1")
    kept.turn("b", key=b"2")

    lost.gate.lose()
    await patiently(kept.gate.commit(None))

    assert store.batches == [1]
    assert (lost.left, kept.left) == ([], ["b"])
    assert await stored(store, lost) == {}


async def test_nothing_is_written_if_every_room_was_lost(store, committer, tasks):
    """No transaction is opened for nothing."""
    (life,) = await lives(store, committer, "lobby")
    life.turn("a", key=b"1")

    life.gate.lose()
    await patiently(tasks.started[0])

    assert store.batches == []


async def test_s8_a_replaced_owner_loses_its_room_and_no_other(store, committer):
    """S8: rooms of one transaction are judged one by one."""
    replaced, kept = await lives(store, committer, "replaced", "kept")
    other = MemoryStore(store.tables)
    await store.release([(replaced.gate.claim, NOTHING)])
    await other.claim(replaced.gate.claim.key)

    replaced.turn("a", key=b"1")
    kept.turn("b", key=b"2")
    await patiently(kept.gate.commit(None))

    assert store.batches == [2]
    assert (replaced.left, replaced.lost) == ([], 1)
    assert (kept.left, kept.lost) == (["b"], 0)
    assert await stored(store, replaced) == {}


@pytest.mark.usefixtures("no_delays")
async def test_d9_what_is_repeated_is_what_failed(store, committer):
    """D9: later turns do not join a commit that may have been done already."""
    (life,) = await lives(store, committer, "lobby")
    store.failures = [StoreUnavailable("away"), StoreUnavailable("away")]
    life.turn("a", key=b"1")
    await asyncio.sleep(0)  # The first try has taken its writes.

    life.turn("b", other=b"2")
    await patiently(life.gate.commit(None))

    assert store.batches == [1, 1, 1, 1]
    assert life.left == ["a", "b"]
    assert await stored(store, life) == {b"key": b"1", b"other": b"2"}


@pytest.mark.usefixtures("no_delays")
async def test_g2_a_lost_answer_and_a_new_owner_let_nothing_leave(store, committer):
    """G2: what was done before the answer was lost is the new owner's now."""
    (life,) = await lives(store, committer, "lobby")
    hold = store.hold("commit")
    life.turn("a", key=b"1")
    await patiently(hold.reached.wait())
    other = MemoryStore(store.tables)
    await store.release([(life.gate.claim, NOTHING)])
    await other.claim(life.gate.claim.key)
    store.tables.lose_next_reply = True

    hold.go.set()
    await turns_of_the_loop()

    assert (life.left, life.lost) == ([], 1)


async def test_d9_the_pause_between_tries_rises_to_a_bound(
    store, committer, monkeypatch, caplog
):
    """D9: a database that comes back is not met by a storm."""
    pauses = []
    sleep = asyncio.sleep

    async def note(delay):
        pauses.append(delay)
        await sleep(0)

    monkeypatch.setattr(committer_module.asyncio, "sleep", note)
    (life,) = await lives(store, committer, "lobby")
    pauses.clear()  # The store's own.
    store.failures = [StoreUnavailable("away")] * (len(COMMIT_RETRY_DELAYS) + 2)

    life.turn("a", key=b"1")
    await patiently(life.gate.commit(None))

    tries = [pause for pause in pauses if pause]
    assert tries == [
        *COMMIT_RETRY_DELAYS,
        COMMIT_RETRY_DELAYS[-1],
        COMMIT_RETRY_DELAYS[-1],
    ]
    actions = {getattr(record, "action", None) for record in caplog.records}
    assert actions == {"commit_repeated"}
    assert life.left == ["a"]


async def test_d8_the_others_of_a_refused_batch_are_written_one_by_one(
    store, committer, caplog
):
    """D8: what one room wants written is not the others' fault."""
    rooms = await lives(store, committer, "one", "two", "three")
    store.failures = [ValueError("all together"), ValueError("the first alone")]

    for life in rooms:
        life.turn("a", key=b"1")
    await patiently(rooms[-1].gate.commit(None))

    assert store.batches == [3, 1, 1, 1]
    assert [life.lost for life in rooms] == [1, 0, 0]
    assert [life.left for life in rooms] == [[], ["a"], ["a"]]
    assert [record.room for record in caplog.records] == ["chat/one"]


async def test_d8_the_committer_goes_on_after_a_room_it_could_not_write(
    store, committer
):
    """D8: nobody has to start it again."""
    bad, good = await lives(store, committer, "bad", "good")
    store.failures = [ValueError("no such thing")]
    bad.turn("a", key=b"1")
    await turns_of_the_loop()

    good.turn("b", key=b"2")
    await patiently(good.gate.commit(None))

    assert (bad.lost, good.left) == (1, ["b"])


def fail(output):
    raise ZeroDivisionError


async def test_d8_an_output_that_raises_ends_its_room_only(store, committer, caplog):
    """D8, G2: of a batch, each other room is settled, and stored from then on."""
    rooms = await lives(store, committer, "before", "bad", "after")
    before, bad, after = rooms
    before.turn("a", key=b"1")
    bad.turn("a", key=b"1")
    bad.turn(fail)
    bad.turn("b")
    after.turn("a", key=b"1")
    await patiently(after.gate.commit(None))

    for life in rooms:
        life.turn("c", key=b"2")
    await patiently(asyncio.gather(before.gate.commit(None), after.gate.commit(None)))

    assert [life.left for life in rooms] == [["a", "c"], ["a"], ["a", "c"]]
    assert [life.lost for life in rooms] == [0, 1, 0]
    assert await stored(store, after) == {b"key": b"2"}
    assert [record.action for record in caplog.records] == ["room_given_up"]


async def test_d8_an_output_that_raises_at_once_ends_its_room_only(store, committer):
    """D8: whoever has ended the turn, a user's code perhaps, does not hear of it."""
    (life,) = await lives(store, committer, "lobby")

    life.turn(fail)
    life.turn("a")

    assert (life.left, life.lost) == ([], 1)


async def test_d8_a_room_whose_end_fails_too_holds_up_no_other(
    store, committer, caplog
):
    """D8: the log has both."""
    bad, good = await lives(store, committer, "bad", "good")
    bad.fails_to_end = True
    bad.turn(fail, key=b"1")
    good.turn("a", key=b"1")

    await patiently(good.gate.commit(None))

    assert (good.left, good.lost) == (["a"], 0)
    actions = [record.action for record in caplog.records]
    assert actions == ["room_given_up", "end_failed"]


class BrokenLog:
    """A delivery log that cannot say how far it is."""

    is_stale = False

    def close(self, turn): ...

    def progress(self):
        raise ZeroDivisionError


async def test_d8_a_room_that_cannot_say_what_to_write_holds_up_no_other(
    store, committer
):
    """D8: it alone is lost."""
    bad, good = await lives(store, committer, "bad", "good")
    bad.gate.delivery_log = BrokenLog()
    bad.turn("a", key=b"1")
    good.turn("a", key=b"1")

    await patiently(good.gate.commit(None))

    assert ([bad.left, bad.lost], [good.left, good.lost]) == ([[], 1], [["a"], 0])


@pytest.mark.usefixtures("no_delays")
async def test_d9_a_commit_that_somebody_else_cancelled_is_repeated(store, committer):
    """D9: as one whose answer was lost; the committer goes on."""
    (life,) = await lives(store, committer, "lobby")
    store.failures = [asyncio.CancelledError()]
    life.turn("a", key=b"1")

    await patiently(life.gate.commit(None))

    assert (life.left, store.batches) == (["a"], [1, 1])
