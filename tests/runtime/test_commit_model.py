"""
The commit path beside a simple reference, whatever the store does at each step.

Each write has a key of its own and each output a number, so that the reference is two
lists a room: what must be stored at the end, and what must have been said.
"""

import asyncio
import logging
from contextlib import suppress
from contextvars import copy_context

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from partyrooms.core.keys import RoomKey
from partyrooms.core.quota import Quota
from partyrooms.core.values import encode_key
from partyrooms.exceptions import RoomStopped, StoreUnavailable
from partyrooms.runtime import atomic, committer
from partyrooms.runtime.committer import Committer
from partyrooms.runtime.data import Contents, RoomData
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.outputs import Outputs
from partyrooms.runtime.storage import Storage
from partyrooms.runtime.turn import Turn, current
from tests.runtime.stage import HeldStore, patiently, turns_of_the_loop

ROOMS = 2
LIMIT = 1_000_000
rooms = st.integers(0, ROOMS - 1)


class Said:
    """One output: its number, and the keys that must be stored when it leaves."""

    def __init__(self, number, after):
        self.number = number
        self.after = after


class Hook:
    """A turn that goes on: the code's, and the reference's lists of it."""

    def __init__(self, room):
        self.turn = Turn(room.outputs)
        self.context = copy_context()
        self.context.run(current.set, self.turn)
        self.keys, self.said = [], []
        self.fate = "open"


class Block:
    """An open block in a task of its own."""

    def __init__(self, room, hook, form):
        self.room, self.hook, self.form = room, hook, form
        self.keys, self.said = [], []
        self.inside, self.steps, self.done = asyncio.Event(), asyncio.Queue(), False

    async def run(self):
        async with getattr(self.room.storage, self.form)():
            self.inside.set()
            while (step := await self.steps.get()) is not None:
                step()

    def do(self, step):
        self.steps.put_nowait(step)


class ModelRoom:
    """A room as its code sees it, with the reference beside it."""

    def __init__(self, claim, store, commits):
        self.left, self.said, self.keys = [], [], []
        self.is_lost = False
        self.hook = self.block = None
        contents = Contents(Quota({}, max_value_size=LIMIT, max_room_size=LIMIT))
        self.gate = Gate(
            claim, commits, self._lose, lambda: True, on_written=contents.written
        )
        self.store = store
        self.outputs = Outputs(claim.key, self.gate)
        data = RoomData(
            claim.key,
            claim,
            store=store,
            contents=contents,
            outputs=self.outputs,
            wall_clock=lambda: 0.0,
        )
        self.storage = Storage(data)

    def _lose(self):
        self.is_lost = True
        self.outputs.is_over = True

    def entries(self):
        stored = self.store.tables.rooms[self.gate.claim.record].entries
        return {key.decode() for key in stored}

    def leave(self, said):
        """An output leaves: it is said, and what it follows is stored."""
        assert set(said.after) <= self.entries(), f"{said.number} is said too early"
        self.left.append(said.number)

    def fail(self, said):
        raise ZeroDivisionError

    def end(self, keys, said):
        """What the reference does with a turn that has ended well."""
        self.keys += keys
        for one in said:
            one.after = list(self.keys)
        self.said += [one.number for one in said]


class CommitPath(RuleBasedStateMachine):
    """Turns, blocks and background work of two rooms on one store."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.number = 0
        self.hold = None

    def run(self, awaitable):
        return self.loop.run_until_complete(patiently(awaitable))

    @initialize()
    def begin(self):
        self.run(self._begin())

    async def _begin(self):
        self.store = HeldStore()
        self.tasks = set()
        commits = Committer(self.store, self._spawn)
        self.rooms = [
            ModelRoom(
                await self.store.claim(RoomKey("chat", str(n))), self.store, commits
            )
            for n in range(ROOMS)
        ]

    def _spawn(self, coroutine):
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        return task

    def next(self):
        self.number += 1
        return self.number

    def write(self, room, keys):
        key = str(self.next())
        keys.append(key)
        room.storage.put(key, 1)

    def say(self, room, said, deliver=None):
        one = Said(self.next(), [])
        said.append(one)
        room.outputs.put_out(deliver or room.leave, one)

    # What the store does

    @rule()
    def time_passes(self):
        self.run(turns_of_the_loop())

    @precondition(lambda self: self.hold is None)
    @rule()
    def a_commit_stops(self):
        self.hold = self.store.hold("commit")

    @precondition(lambda self: self.hold is not None)
    @rule()
    def a_commit_goes_on(self):
        self.heal()
        self.run(turns_of_the_loop())

    @rule()
    def an_answer_will_be_lost(self):
        self.store.loses_reply = True

    @rule(available=st.booleans())
    def the_store_is_away(self, available):
        self.store.tables.available = available

    def heal(self):
        self.store.tables.available = True
        if self.hold is not None:
            self.hold.go.set()
            if not self.hold.reached.is_set():
                self.store.let_go("commit")
            self.hold = None

    # What the rooms do

    @rule(n=rooms, writes=st.booleans(), says=st.sampled_from(["", "well", "raises"]))
    def a_turn_ends(self, n, writes, says):
        """A turn between two hooks: of an event that nothing can hold up."""
        room = self.rooms[n]
        self.run(self._turn(room, writes, says))

    async def _turn(self, room, writes, says):
        hook = Hook(room)
        if room.is_lost:
            return
        if writes:
            hook.context.run(self.write, room, hook.keys)
        if says:
            deliver = room.fail if says == "raises" else room.leave
            hook.context.run(self.say, room, hook.said, deliver)
        room.end(hook.keys, hook.said)
        room.gate.close(hook.turn)

    @rule(n=rooms)
    def a_hook_begins(self, n):
        room = self.rooms[n]
        if room.hook is None and not room.is_lost:
            room.hook = Hook(room)

    @rule(n=rooms, writes=st.booleans())
    def a_hook_goes_on(self, n, writes):
        room = self.rooms[n]
        if room.hook is not None and not room.is_lost:
            hook = room.hook
            act, what = (self.write, hook.keys) if writes else (self.say, hook.said)
            self.run(self._in(room, hook, act, room, what))

    async def _in(self, room, hook, work, *args):
        if not room.is_lost:  # A commit may have failed since the rule was chosen.
            hook.context.run(work, *args)

    @rule(n=rooms, well=st.booleans())
    def a_hook_ends(self, n, well):
        room = self.rooms[n]
        if room.hook is not None:
            self.run(self._end_hook(room, well))

    async def _end_hook(self, room, well):
        hook, room.hook = room.hook, None
        if not well or room.is_lost:
            hook.turn.drop()
            hook.fate = "dropped"
            return
        room.end(hook.keys, hook.said)
        hook.fate = "ended"
        room.gate.close(hook.turn)

    @rule(n=rooms, form=st.sampled_from(["transaction", "atomic"]))
    def a_block_begins(self, n, form):
        room = self.rooms[n]
        # The memory store has one connection for all of them.
        others = (one.block for one in self.rooms if one.block is not None)
        if form == "atomic" and any(one.form == "atomic" for one in others):
            return
        if room.block is None and not room.is_lost:
            self.heal()
            self.run(self._begin_block(room, form))

    async def _begin_block(self, room, form):
        block = room.block = Block(room, room.hook, form)
        context = None if room.hook is None else room.hook.context.copy()
        block.task = self.loop.create_task(block.run(), context=context)
        inside = asyncio.ensure_future(block.inside.wait())
        await asyncio.wait([inside, block.task], return_when=asyncio.FIRST_COMPLETED)
        inside.cancel()
        if block.task.done():  # Its room was lost before it began.
            assert room.is_lost, block.task.exception()
            block.task.exception()
            room.block = None

    @rule(n=rooms, way=st.sampled_from(["writes", "says", "commits"]))
    def a_block_goes_on(self, n, way):
        room = self.rooms[n]
        if room.block is not None and not room.is_lost:
            self.run(self._in_block(room.block, way))

    async def _in_block(self, block, way):
        if way == "commits":
            refused = self.loop.create_future()
            block.do(lambda: self._spawn(self._require_refusal(block.room, refused)))
            await turns_of_the_loop()
            if not refused.done():
                raise AssertionError("sync() in a block waits for a commit")
            await refused
        elif way == "writes":
            block.do(lambda: self.write(block.room, block.keys))
        elif block.form == "atomic":
            block.do(lambda: self.say(block.room, block.said))
        await turns_of_the_loop()

    async def _require_refusal(self, room, refused):
        try:
            await room.storage.sync()
        except RuntimeError:
            refused.set_result(None)
        else:
            refused.set_exception(AssertionError("sync() in a block was done"))

    @rule(n=rooms, way=st.sampled_from(["ends", "raises", "is cancelled"]))
    def a_block_ends(self, n, way):
        room = self.rooms[n]
        if room.block is not None:
            if room.block.form == "atomic":
                self.heal_hold()
            self.run(self._end_block(room, way))

    @rule(n=rooms, well=st.booleans())
    def a_hook_ends_around_its_block(self, n, well):
        """What a task of the hook has open outlives it."""
        room = self.rooms[n]
        if room.hook is None and room.block is None:
            self.a_hook_begins(n)
            self.a_block_begins(n, "transaction")
            self.a_block_goes_on(n, "writes")
            self.a_hook_ends(n, well)

    def heal_hold(self):
        available = self.store.tables.available
        self.heal()
        self.store.tables.available = available

    async def _end_block(self, room, way):
        block, room.block = room.block, None
        if way == "is cancelled":
            block.task.cancel()
        elif way == "raises":
            block.do(self._raise)
        else:
            block.do(None)
        if block.form == "atomic":
            self.store.tables.lose_next_reply = False
        raised = (await asyncio.gather(block.task, return_exceptions=True))[0]
        if room.is_lost:
            return
        if way != "ends":
            assert raised is not None
            return
        if block.hook is not None and block.hook.fate == "dropped":
            assert isinstance(raised, RuntimeError), "a dropped turn's block was kept"
            return
        if isinstance(raised, StoreUnavailable):
            return
        assert raised is None, raised
        self._keep(room, block)

    def _raise(self):
        raise ZeroDivisionError

    def _keep(self, room, block):
        """What the reference does with a block that has ended well."""
        hook = block.hook
        if hook is None or hook.fate == "ended":
            room.end(block.keys, block.said)
        elif block.form == "transaction":
            hook.keys += block.keys
        else:
            room.keys += hook.keys + block.keys
            hook.keys = []
            hook.said += block.said

    # The end

    def teardown(self):
        if hasattr(self, "rooms"):
            try:
                self.run(self._settle())
            finally:
                for task in self.tasks:
                    task.cancel()
                self.run(turns_of_the_loop())
        self.loop.close()

    async def _settle(self):
        self.store.loses_reply = False
        self.heal()
        for room in self.rooms:
            if room.block is not None:
                await self._end_block(room, "raises")
            if room.hook is not None:
                await self._end_hook(room, True)
        for room in self.rooms:
            with suppress(RoomStopped):
                await room.gate.commit(None)
            if room.is_lost:
                assert room.left == room.said[: len(room.left)]
                continue
            assert room.left == room.said
            assert room.entries() == {encode_key(key).decode() for key in room.keys}


@pytest.fixture
def hurry(monkeypatch):
    """What failed is tried again at once, and nobody reads of it."""
    for module in (atomic, committer):
        monkeypatch.setattr(module, "COMMIT_RETRY_DELAYS", (0.0,))
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("hurry")
def test_g2_no_course_of_commits_breaks_the_gates_promises():
    """G2, G3, S4, S5, S9: said is what is stored, and stored is what has not failed."""
    run_state_machine_as_test(
        CommitPath, settings=settings(max_examples=100, stateful_step_count=50)
    )
