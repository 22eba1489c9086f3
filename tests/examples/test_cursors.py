"""The cursors' rules."""

import json

import pytest

from examples.cursors.rooms import Cursors
from partyrooms.testing import running_room


async def test_what_moves_within_a_frame_is_shown_together():
    """One frame has the last position of each client that moved."""
    async with running_room(Cursors) as room:
        ada, bob = await room.connect("ada"), await room.connect("bob")

        await ada.send("[0.1, 0.1]")
        await ada.send("[0.2, 0.2]")
        await bob.send("[0.5, 1]")
        await room.instance.frame

    assert ada.received == bob.received
    assert json.loads(ada.received[-1]) == {"ada": [0.2, 0.2], "bob": [0.5, 1.0]}


async def test_who_leaves_takes_the_cursor_along():
    """Whether the pointer left the canvas or the page was closed."""
    async with running_room(Cursors) as room:
        ada, bob = await room.connect("ada"), await room.connect("bob")
        await ada.send("[0, 0]")
        await bob.send("[1, 1]")
        await room.instance.frame

        await ada.send("null")
        await bob.vanish()
        await room.instance.frame
        late = await room.connect("late")

    assert json.loads(ada.received[-1]) == {"ada": None, "bob": None}
    assert json.loads(late.received[0]) == {}


async def test_a_dead_connection_does_not_take_the_cursor_of_the_next_one():
    """A page that came back has its id twice, until the dead one is noticed."""
    async with running_room(Cursors) as room:
        dead, back = await room.connect("ada"), await room.connect("ada")
        await back.send("[0, 0]")

        await dead.vanish()

        assert room.instance.positions == {"ada": [0.0, 0.0]}


@pytest.mark.parametrize(
    "frame",
    [
        *("", "[]", "{}", "[1]", "[0, 0, 0]", "[-0.1, 0]", "[0, 1.1]", "[NaN, 0]"),
        *("[Infinity, 0]", "[null, 0]", '["0", 0]', '"01"', "[[0], 0]", "7", b"\xff"),
        "[" * 64,
    ],
)
async def test_nonsense_moves_nothing(frame):
    """Nobody hears of it, and its sender stays."""
    async with running_room(Cursors) as room:
        eve = await room.connect("eve")

        await eve.send(frame)

        assert room.instance.frame is None
        assert (eve.received, eve.closed) == (["{}"], None)
