"""Text that has no UTF-8: whoever gives it hears so, and nobody else notices."""

import asyncio

import pytest

from partyrooms import CallFailed, Room, parties, rpc
from tests.runtime.stage import on_stage, patiently

HALF = "\ud83d"
"""Half of a surrogate pair, as a browser's JSON brings it."""


class Quoting(Room):
    """Does what a test wants, as a message or a call."""

    party = "quoting"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors, self.tags = [], ()

    async def get_connection_tags(self, connection, ctx):
        return self.tags

    async def on_message(self, message, sender):
        self.storage.put("key", message)
        sender.send("sent")
        await WAYS[message](self, sender)

    async def on_exception(self, error, connection):
        self.errors.append(error)

    @rpc
    async def half(self):
        return {"text": [HALF]}

    @rpc
    async def takes(self, *args, **kwargs): ...


async def leaves_out(room, sender):
    room.broadcast("x", without=[HALF])


async def leaves_out_in_json(room, sender):
    room.broadcast_json("x", without=[HALF])


async def has_a_state(room, sender):
    sender.set_state({"name": HALF})


async def gives_a_reason(room, sender):
    sender.close(4000, HALF)


async def names_a_key(room, sender):
    room.storage.put(HALF, 1)


async def stores(room, sender):
    room.storage.put("other", [HALF])


async def lists(room, sender):
    await room.storage.list(HALF)


async def leaves_out_elsewhere(room, sender):
    await parties["quoting"].get("other").broadcast("x", without=[HALF])


async def says_elsewhere(room, sender):
    await parties["quoting"].get("other").broadcast(HALF)


async def calls_with_it(room, sender):
    await parties["quoting"].get("other").call("takes", [HALF])


async def calls_with_a_name(room, sender):
    await parties["quoting"].get("other").call("takes", **{HALF: 1})


async def calls_it(room, sender):
    await parties["quoting"].get("other").call(HALF)


async def asks_for_it(room, sender):
    parties["quoting"].get(HALF)


WAYS = {
    way.__name__: way
    for way in (
        *(leaves_out, leaves_out_in_json, has_a_state, gives_a_reason),
        *(names_a_key, stores, lists, leaves_out_elsewhere, says_elsewhere),
        *(calls_with_it, calls_with_a_name, calls_it, asks_for_it),
    )
}


@pytest.mark.parametrize("way", WAYS)
async def test_d8_text_without_utf8_fails_in_the_turn_that_gives_it(way):
    """D8, R17: a ValueError or TypeError says so; nothing of the turn counts."""
    async with on_stage(Quoting) as room:
        alice, bob = [await patiently(room.connect(id)) for id in ("alice", "bob")]

        await patiently(alice.send(way))

        (error,) = room.instance.errors
        assert isinstance(error, ValueError | TypeError)
        assert (alice.received, alice.closed, bob.received) == ([], None, [])
        assert await room.stored() == {}
        assert room.is_running


async def test_d8_a_result_without_utf8_fails_at_the_room_that_returns_it():
    """D8: its caller is told why."""
    async with on_stage(Quoting) as room:
        await patiently(room.connect("alice"))

        with pytest.raises(CallFailed, match="half of a surrogate pair"):
            await patiently(parties["quoting"].get(room.key.room_id).call("half"))

        assert [type(error) for error in room.instance.errors] == [TypeError]


async def test_d8_a_tag_without_utf8_lets_nobody_in():
    """D8, R18: that socket alone gets 1011."""
    async with on_stage(Quoting) as room:
        alice = await patiently(room.connect("alice"))
        room.instance.tags = [HALF]

        bob = await patiently(room.connect("bob"))
        await asyncio.sleep(0)

        assert (bob.closed[0], alice.closed) == (1011, None)
        assert [type(error) for error in room.instance.errors] == [ValueError]
