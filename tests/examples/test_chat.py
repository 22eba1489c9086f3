"""The chat's rules."""

import json
from uuid import uuid4

import pytest

from examples.chat.rooms import Chat
from partyrooms.testing import running_room


async def test_newcomers_read_what_was_said_before_a_crash():
    """What a client has seen is stored."""
    async with running_room(Chat, "tea") as room:
        ada = await room.connect("1", query="name=Ada")
        bob = await room.connect("2", query="name=Bob")
        await ada.send('{"text": "hi"}')
        message = json.loads(bob.received[-1])

        await room.crash()
        late = await room.connect("3")

        assert (message["name"], message["text"]) == ("Ada", "hi")
        assert json.loads(late.received[0])["messages"][0]["id"] == message["id"]


@pytest.fixture
async def room():
    """A chat room that nobody is in yet."""
    async with running_room(Chat, "tea") as room:
        yield room


def heard(client, kind):
    """What a client received of one type, oldest first; it is then forgotten."""
    frames = [json.loads(frame) for frame in client.received]
    client.received.clear()
    return [frame for frame in frames if frame.pop("type") == kind]


def saying(text, **given):
    """A frame as the page sends it."""
    return json.dumps({"id": str(uuid4()), "text": text, **given})


async def test_everyone_hears_a_message_in_the_senders_name(room):
    """The name is the connection's, whatever the frame claims."""
    ada = await room.connect("1", query="name=Ada")
    bob = await room.connect("2", query="name=Bob")

    await ada.send(saying("  hi ", name="Bob"))

    for client in (ada, bob):
        (message,) = heard(client, "message")
        assert (message["name"], message["text"]) == ("Ada", "hi")


async def test_people_come_and_go(room):
    """Names are listed once, in order; without one a client is a Guest."""
    ada = await room.connect("1", query="name=++Ada%0A++Lovelace++")
    guest = await room.connect("2")
    again = await room.connect("3", query="name=Ada+Lovelace")

    await guest.close()
    await again.vanish()

    assert [frame["names"] for frame in heard(ada, "people")] == [
        ["Ada Lovelace"],
        ["Ada Lovelace", "Guest"],
        ["Ada Lovelace", "Guest"],
        ["Ada Lovelace"],
        ["Ada Lovelace"],
    ]


async def test_the_history_survives_a_crash_and_keeps_a_hundred(room):
    """Older messages are neither shown nor stored any longer."""
    ada = await room.connect("1")
    for number in range(103):
        await ada.send(saying(f"message {number}"))

    await room.crash()

    (history,) = heard(await room.connect("2"), "history")
    texts = [message["text"] for message in history["messages"]]
    assert texts == [f"message {number}" for number in range(3, 103)]
    assert len(await room.stored()) == 100


async def test_what_is_said_again_is_said_once(room):
    """A client that cannot know whether its message arrived may repeat it."""
    ada = await room.connect("1")
    frame = saying("hi")

    await ada.send(frame)
    await room.crash()
    ada = await room.connect("1")
    await ada.send(frame)

    (history,) = heard(ada, "history")
    assert [message["text"] for message in history["messages"]] == ["hi"]
    assert len(await room.stored()) == 1


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hi",
        "[]",
        "null",
        "{}",
        b"\xff",
        "[" * 10_000,
        *map(saying, ["", "x" * 1001]),
    ],
    # Each process of a run finds the tests for itself, under names that must agree.
    ids=[
        *("nothing", "text", "list", "null", "object", "bytes", "brackets"),
        *("no-words", "too-many-words"),
    ],
)
async def test_nonsense_is_refused_and_nobody_else_hears_of_it(room, frame):
    """The sender is told why; its connection stays."""
    eve, ada = await room.connect("1"), await room.connect("2")
    ada.received.clear()

    await eve.send(frame)

    assert len(heard(eve, "refused")) == 1
    assert (eve.closed, ada.received) == (None, [])
    assert await room.stored() == {}


async def test_a_bot_reads_and_writes_over_http(room):
    """What it says is checked as well: 400; other methods are none of the room's."""
    ada = await room.connect("1")

    said = await room.post(json={"name": "Bot", "text": "done"})
    refused = await room.post(json={"name": "Bot"})
    deleted = await room.request("DELETE")
    read = await room.get()

    assert [message["name"] for message in heard(ada, "message")] == ["Bot"]
    answers = [said, refused, deleted, read]
    assert [answer.status_code for answer in answers] == [200, 400, 405, 200]
    assert read.data == {"messages": [said.data]}
