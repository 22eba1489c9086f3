"""The robot's manners."""

import asyncio
import json

import pytest

from examples.ai_chat.robot import canned
from examples.ai_chat.rooms import AiChat
from partyrooms.testing import running_room
from tests.deadline import DEADLINE


async def test_the_robot_speaks_while_the_others_go_on(monkeypatch):
    """The test's own generator replaces the model's, and waits for the test."""
    is_speaking, go_on = asyncio.Event(), asyncio.Event()

    async def words(messages):
        is_speaking.set()
        await go_on.wait()
        yield f"You said {messages[-1]['text']}"

    monkeypatch.setattr(AiChat, "words", staticmethod(words))
    async with running_room(AiChat) as room:
        ada = await room.connect("ada")
        await ada.send('{"text": "hi"}')
        await is_speaking.wait()
        await ada.send('{"text": "go on"}')
        go_on.set()
        await room.instance.answering
        said = (await room.get()).data["messages"]
    texts = [message["text"] for message in said]
    assert texts == ["hi", "You said hi", "go on", "You said go on"]


class Model:
    """A generator of pieces that the test lets out one by one."""

    def __init__(self):
        self.asked = []
        self.pieces = asyncio.Queue()
        self.closed = asyncio.Event()

    async def words(self, messages):
        self.asked.append([message["text"] for message in messages])
        try:
            while piece := await self.pieces.get():
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            for _ in range(10):  # a model takes a moment to hang up
                await asyncio.sleep(0)
            self.closed.set()


@pytest.fixture
def model(monkeypatch):
    """What the robot says."""
    model = Model()
    monkeypatch.setattr(AiChat, "words", model.words)
    return model


@pytest.fixture
async def room(model):
    """A room that nobody is in yet."""
    async with running_room(AiChat) as room:
        yield room


def frames(client, *kinds):
    """What a client received of some types, oldest first."""
    found = [json.loads(frame) for frame in client.received]
    return [frame for frame in found if frame["type"] in kinds]


async def until(condition):
    """Let the room's background work go on until something is so."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - memory waits for nothing
            await asyncio.sleep(0)


async def test_an_answer_arrives_piece_by_piece(room, model):
    """Everyone sees it grow; who comes in the middle sees what there is so far."""
    ada, bob = await room.connect("1"), await room.connect("2")
    await ada.send('{"text": "hi"}')
    model.pieces.put_nowait("Well")
    model.pieces.put_nowait(", hi")
    await until(lambda: len(frames(bob, "words")) == 2)

    late = await room.connect("3")
    model.pieces.put_nowait("")
    await until(lambda: frames(bob, "message")[-1]["text"])

    assert [frame["text"] for frame in frames(bob, "words")] == ["Well", ", hi"]
    assert frames(ada, "words", "message") == frames(bob, "words", "message")
    assert frames(late, "history")[0]["messages"][-1]["text"] == "Well, hi"
    whole = frames(bob, "message")[-1]
    assert (whole["text"], whole["robot"]) == ("Well, hi", True)
    assert (await room.stored())["message:000000002"]["text"] == "Well, hi"


async def test_it_stops_when_the_last_one_leaves_and_begins_anew(room, model):
    """Nothing of half an answer is kept; whoever comes next is answered."""
    ada, bob = await room.connect("1"), await room.connect("2")
    await ada.send('{"text": "hi"}')
    model.pieces.put_nowait("Well")
    await until(lambda: frames(bob, "words"))
    await ada.close()
    is_going_on = not room.instance.answering.done()

    await bob.vanish()
    stopped = model.closed.is_set()
    kept = await room.stored()
    back = await room.connect("1")
    await until(lambda: len(model.asked) == 2)

    assert (is_going_on, stopped) == (True, True)
    assert list(kept) == ["message:000000001"]
    assert model.asked == [["hi"], ["hi"]]
    assert [m["text"] for m in frames(back, "history")[0]["messages"]] == ["hi"]


async def test_a_page_that_comes_back_at_once_does_not_stop_it(room, model):
    """It has its id twice, until its dead connection is noticed."""
    dead = await room.connect("1")
    await dead.send('{"text": "hi"}')
    await until(lambda: model.asked)
    await room.connect("1")

    await dead.vanish()

    assert not room.instance.answering.done()
    assert len(model.asked) == 1


async def test_a_crash_in_the_middle_of_an_answer_loses_no_question(room, model):
    """It is answered when somebody comes; answers are not answered."""
    ada = await room.connect("1")
    await ada.send('{"text": "hi"}')
    model.pieces.put_nowait("Well")
    await until(lambda: frames(ada, "words"))

    await room.crash()
    await room.connect("1")
    model.pieces.put_nowait("Hi")
    model.pieces.put_nowait("")
    await room.instance.answering
    await room.get()  # behind the commit of the answer
    await room.crash()
    await room.connect("1")

    assert model.asked == [["hi"], ["hi"]]
    assert room.instance.answering is None or room.instance.answering.done()


async def test_an_answer_that_fails_is_taken_back(room, model, caplog):
    """The pages forget it, the log has it, and the next question is answered."""
    ada = await room.connect("1")
    await ada.send('{"text": "hi"}')
    model.pieces.put_nowait("We")
    model.pieces.put_nowait(OSError("the model is gone"))
    await room.instance.answering

    await ada.send('{"text": "still there?"}')
    await until(lambda: len(model.asked) == 2)

    begun = frames(ada, "message")[1]
    assert [frame["id"] for frame in frames(ada, "gone")] == [begun["id"]]
    assert model.asked[-1] == ["hi", "still there?"]
    assert "the model is gone" in caplog.text


async def test_a_bot_in_an_empty_room_is_not_answered(room, model):
    """Nobody listens; who comes later is told."""
    await room.post(json={"text": "hi"})
    before = list(model.asked)

    await room.connect("1")
    await until(lambda: model.asked)

    assert before == []


async def test_no_client_speaks_for_the_robot(room, model):
    """What marks its messages is not taken from anybody else."""
    ada = await room.connect("1", query="name=Robot")

    await ada.send('{"text": "hi", "robot": true}')
    await until(lambda: model.asked)

    assert "robot" not in frames(ada, "message")[0]


async def test_a_hundred_messages_during_an_answer_leave_it_behind(room, model):
    """It is no longer part of the history, and not stored either."""
    ada = await room.connect("1")
    await ada.send('{"text": "hi"}')
    await until(lambda: model.asked)
    for number in range(101):
        await ada.send(f'{{"text": "{number}"}}')

    model.pieces.put_nowait("")
    await until(lambda: len(model.asked) == 2)

    await room.get()  # behind the commit of whatever was stored
    assert len(await room.stored()) == 100


async def test_the_canned_answer_is_about_what_was_said(monkeypatch):
    """Word by word, braces and all."""
    monkeypatch.setattr("examples.ai_chat.robot.PAUSE", 0)
    asked = {"name": "Ada", "text": "{text} {0}", "number": 1}

    pieces = [piece async for piece in canned([asked])]

    assert "“{text} {0}”" in "".join(pieces)
    assert len(pieces) > 10
