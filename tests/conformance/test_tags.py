"""SPEC R18: the tags of a connection, and their limits."""

import json

import pytest

from tests.servers.visitor import Room


async def test_r18_the_id_is_the_first_tag(define):
    """Then the application's own, in order; once where the id is among them."""

    class Tagged(Room):
        async def get_connection_tags(self, connection, ctx):
            return ["red", "blue"]

        async def on_message(self, message, sender):
            by_id = [c.id for c in self.get_connections("alice")]
            sender.send_json([list(sender.tags), by_id])

    room = await define(Tagged)
    alice = await room.join("alice")

    assert json.loads(await alice.ask("?")) == [["alice", "red", "blue"], ["alice"]]


@pytest.mark.parametrize(
    "tags",
    [
        [f"tag-{n}" for n in range(9)],
        ["x"],
        ["x" * 256],
        ["é" * 256],
        ["\N{GRINNING FACE}" * 256],
    ],
    ids=["nine", "shortest", "longest", "longest-é", "longest-emoji"],
)
async def test_r18_tags_within_the_limits(define, tags):
    """Up to 9 strings of 1 to 256 characters."""

    class Tagged(Room):
        async def get_connection_tags(self, connection, ctx):
            return tags

        async def on_message(self, message, sender):
            sender.send_json(list(sender.tags))

    room = await define(Tagged)
    alice = await room.join("alice")

    assert json.loads(await alice.ask("?")) == ["alice", *tags]


@pytest.mark.parametrize(
    "tags",
    [[f"tag-{n}" for n in range(10)], ["x" * 257], [""], [1], [None], "a word", 7],
    ids=["ten", "long", "empty", "number", "none", "a-string", "no-list"],
)
async def test_r18_tags_beyond_the_limits(define, server, tags):
    """The handshake is closed with 1011, and the log says why."""

    class Tagged(Room):
        async def get_connection_tags(self, connection, ctx):
            return tags

        async def on_request(self, request):
            return {"connections": len(list(self.get_connections()))}

    room = await define(Tagged)
    alice = await room.join("alice")
    code, _ = await alice.closed()

    assert code == 1011
    assert await server.wait_for_log(f"{room.key}.*(tag|9)")
    assert await room.data() == {"connections": 0}
