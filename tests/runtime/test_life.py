"""One life of a room: whom it takes over, whose turn code is in, and how it ends."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.exceptions import HookTimeout, RoomStopped
from partyrooms.runtime.turn import Turn, current
from partyrooms.runtime.turn_over import TurnOver
from tests.runtime.stage import on_stage, patiently, tell, turns_of_the_loop


class Quiet(Room):
    """Does what a message is; notes what it heard."""

    party = "life-quiet"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors = []
        self.listed_in_init = [one.id for one in self.get_connections()]

    async def on_start(self):
        self.listed_in_start = [one.id for one in self.get_connections()]

    async def on_message(self, message, sender):
        await message(self, sender)

    async def on_request(self, request):
        return {}

    async def on_exception(self, error, connection):
        self.errors.append(error)


@pytest.fixture
async def room():
    async with on_stage(Quiet) as room:
        yield room


async def test_r24_open_sockets_are_taken_over_before_on_start(room):
    """R24: in the order in which they came; __init__ is too early for them."""
    for id in ("alice", "bob"):
        await patiently(room.connect(id))

    await patiently(room.hibernate())
    await patiently(room.get())

    assert room.instance.listed_in_init == []
    assert room.instance.listed_in_start == ["alice", "bob"]


async def test_r23_background_work_is_in_no_turn(room):
    """R23: though a hook has started it, and is still at work itself."""
    seen, done = [], asyncio.Event()

    async def work(instance):
        seen.append(instance._life.outputs.open_turn())
        done.set()

    async def start(instance, sender):
        instance.create_task(work(instance))
        await done.wait()
        seen.append(instance._life.outputs.open_turn() is current.get())

    alice = await patiently(room.connect("alice"))

    await patiently(tell(alice, start))

    assert seen == [None, True]


async def test_a_turn_of_another_life_is_not_joined(room):
    """What a room is asked for in the turn of another one is a turn of its own."""
    await patiently(room.get())
    foreign = Turn(object())

    token = current.set(foreign)
    try:
        room.instance.storage.put("key", 1)
        room.instance.broadcast("hi")
    finally:
        current.reset(token)
    await patiently(room.worker.until_idle())

    assert (foreign.has_writes, foreign.outputs) == (False, [])
    assert await room.stored() == {"key": 1}


async def test_a_life_that_is_over_writes_nothing(room):
    """Whoever kept the old instance is told, though the room runs again."""
    await patiently(room.get())
    old = room.instance
    await patiently(room.stop())
    await patiently(room.get())

    with pytest.raises(RoomStopped, match="life of life-quiet/test is over"):
        old.storage.put("key", 1)

    assert old._life is not room.instance._life
    assert await room.stored() == {}


async def test_g5_code_whose_turn_was_cancelled_can_do_nothing(room):
    """G5: each call says that the turn is over."""
    await patiently(room.get())
    life = room.instance._life
    turn = Turn(life.outputs)
    turn.is_open, turn.interruption = False, HookTimeout("on_message", 30.0)

    token = current.set(turn)
    try:
        for call in (
            lambda: room.instance.broadcast("late"),
            lambda: room.instance.storage.put("late", 1),
            life.outputs.open_turn,
        ):
            with pytest.raises(TurnOver, match="HOOK_TIMEOUT"):
                call()
    finally:
        current.reset(token)

    assert turn.outputs == []
    assert await room.stored() == {}


async def test_what_a_failed_turn_did_is_taken_back_newest_first(room):
    """R17: so that two changes of one thing end where it was before both."""
    state = ["before"]

    async def change(instance, sender):
        turn = instance._life.outputs.open_turn()
        for value in ("first", "second"):
            before = state[-1]
            state[-1] = value
            turn.on_drop(lambda before=before: state.__setitem__(-1, before))
        raise ValueError

    alice = await patiently(room.connect("alice"))

    await patiently(tell(alice, change))

    assert state == ["before"]


async def test_r23_the_end_cancels_work_and_lets_it_clean_up(room):
    """R23: what it wants written then is refused."""
    raised, cleaned_up = [], asyncio.Event()

    async def work(instance):
        try:
            await asyncio.Event().wait()
        finally:
            try:
                instance.storage.put("late", 1)
            except Exception as error:
                raised.append(type(error))
            cleaned_up.set()

    async def start(instance, sender):
        instance.create_task(work(instance))

    alice = await patiently(room.connect("alice"))
    await patiently(tell(alice, start))

    await patiently(room.stop())

    await patiently(cleaned_up.wait())
    assert raised == [RoomStopped]
    assert await room.stored() == {}


async def test_work_that_is_done_is_forgotten(room):
    """A room that works for months does not keep each of its tasks."""

    async def start(instance, sender):
        instance.create_task(asyncio.sleep(0))

    alice = await patiently(room.connect("alice"))
    await patiently(tell(alice, start))

    await turns_of_the_loop()

    assert room.instance._life.tasks == set()


async def test_the_end_tells_everybody_who_waits_for_an_answer(room):
    """RoomStopped, unless they have one; and it does so once."""
    await patiently(room.get())
    life, loop = room.instance._life, asyncio.get_running_loop()
    waiting, answered, given_up = (loop.create_future() for _ in range(3))
    for reply in (waiting, answered, given_up):
        life.owes(reply)
    answered.set_result("answer")
    given_up.cancel()

    life.end(None)
    life.end(None)

    with pytest.raises(RoomStopped, match="life-quiet/test stopped; ask again"):
        await patiently(waiting)
    assert answered.result() == "answer"


@pytest.mark.parametrize("closing", [None, (1012, "gone")])
async def test_the_end_closes_sockets_only_if_it_is_told_to(room, closing):
    """R24: a hibernating room's stay open."""
    alice = await patiently(room.connect("alice"))

    room.instance._life.end(closing)

    assert alice.closed == closing
    assert not alice._socket.is_gone or closing is not None


async def test_nothing_leaves_a_life_that_is_over(room):
    """G2: neither what waits for a commit nor what is sent afterwards."""
    alice = await patiently(room.connect("alice"))
    life = room.instance._life
    hold = room.store.hold("commit")

    async def write(instance, sender):
        instance.storage.put("key", 1)
        sender.send("stored")

    room.put_in(alice, write)
    await patiently(hold.reached.wait())

    life.end(None)
    life.room.broadcast("late")
    hold.go.set()
    await turns_of_the_loop()

    assert alice.received == []
