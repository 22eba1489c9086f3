"""``stub.socket()``: a WebSocket of the project's own code, whoever owns the room."""

import asyncio
import json

import pytest

from partyrooms import CallCycle, Room, parties, rpc
from partyrooms.exceptions import SocketClosed
from partyrooms.server.nodes import use_node
from tests.cluster.world import PATIENCE


def soon():
    """Gives a test up that waits for what does not come."""
    return asyncio.timeout(PATIENCE)


class Parlour(Room):
    """Says who came, echoes, and does what it is told."""

    party = "sockets-parlour"
    subprotocols = ("chat.v2", "chat.v1")
    max_connections = 3
    max_message_size = 100_000
    told: asyncio.Queue

    async def on_connect(self, connection, ctx):
        if "away" in ctx.request.GET:
            connection.close(4001, "not today")
            return
        method = ctx.request.method
        connection.send_json([connection.uri, connection.user_id, method, ctx.props])

    async def on_message(self, message, sender):
        if message == "close":
            sender.send("bye")
            sender.close(4002, "as asked")
        elif message[:5] == "flood":
            for _ in range(int(message[5:])):
                sender.send("x" * 10_000)
        else:
            sender.send(message)

    async def on_close(self, connection):
        self.told.put_nowait(
            (connection.id, connection.close_code, connection.close_reason)
        )

    async def on_error(self, connection, error):
        self.told.put_nowait((connection.id, type(error).__name__))

    @rpc
    async def visit_itself(self):
        try:
            async with self.parties[self.party].get(self.id).socket():
                pass
        except CallCycle as error:
            return str(error)


@pytest.fixture
async def parlour(world):
    """A stub in one node, of a room in another; with a memory cluster, in the same."""
    Parlour.told = asyncio.Queue()
    use_node(await world.node())
    stub = parties["sockets-parlour"].get("a b")
    async with soon():
        await stub.info()
    use_node(await world.node())
    yield stub
    use_node(None)


async def test_p4_send_and_receive(parlour):
    """Text and bytes, unchanged and in order; the room sees a connection."""
    async with soon(), parlour.socket() as socket:
        greeting = await socket.receive()
        await socket.send("é")
        await socket.send(b"\x00\xff")

        assert greeting == '["/parties/sockets-parlour/a%20b",null,"GET",{}]'
        assert [await socket.receive(), await socket.receive()] == ["é", b"\x00\xff"]
        assert [one["id"] for one in await parlour.connections()] == [socket.id]
        assert socket.close_code is None


@pytest.mark.django_db(transaction=True)  # the user is looked up
async def test_p4_path_query_user_and_subprotocol(parlour):
    """As of a handshake."""
    async with (
        soon(),
        parlour.socket(
            "/deep",
            query={"_pk": "bot", "v": "1 2"},
            protocols=["chat.v1", "x"],
            user_id="7",
        ) as socket,
    ):
        (known,) = await parlour.connections()

    assert (socket.id, socket.subprotocol) == ("bot", "chat.v1")
    assert known["uri"] == "/parties/sockets-parlour/a%20b/deep?_pk=bot&v=1+2"
    assert (known["id"], known["user_id"]) == ("bot", "7")


@pytest.mark.parametrize(
    ("path", "query", "uri", "name"),
    [
        ("/p?x=1", {"y": 2}, "/p?x=1&y=2", None),
        ("/p?x=1", None, "/p?x=1", None),
        ("?_pk=bot", {"y": 2}, "?_pk=bot&y=2", "bot"),
        ("", {"_pk": "bot"}, "?_pk=bot", "bot"),
    ],
)
async def test_p4_the_path_may_have_a_query(parlour, path, query, uri, name):
    """P4: parameters are added to it, as those of fetch() are; `_pk` is found there."""
    async with soon(), parlour.socket(path, query) as socket:
        seen, *_ = json.loads(await socket.receive())

    assert seen == f"/parties/sockets-parlour/a%20b{uri}"
    assert name in (None, socket.id)


async def test_p4_the_block_closes_the_socket(parlour):
    """The room's on_close hears of it, once."""
    async with soon(), parlour.socket(query={"_pk": "bot"}):
        pass

    assert await Parlour.told.get() == ("bot", 1000, "")
    assert await parlour.connections() == []


async def test_p4_close_with_a_code(parlour):
    """Code and reason are the room's to see; nothing is sent or received any more."""
    async with soon(), parlour.socket(query={"_pk": "bot"}) as socket:
        await socket.receive()
        await socket.close(4007, "done")

        assert await Parlour.told.get() == ("bot", 4007, "done")
        with pytest.raises(SocketClosed, match="closed with 4007: done"):
            await socket.send("hi")
        with pytest.raises(SocketClosed):
            await socket.receive()
    assert Parlour.told.empty()


async def test_p4_the_room_closes_the_socket(parlour):
    """What it sent before arrives; the iteration ends; code and reason are there."""
    async with soon(), parlour.socket(query={"_pk": "bot"}) as socket:
        await socket.send("close")

        messages = [message async for message in socket]

    assert messages[1:] == ["bye"]
    assert (socket.close_code, socket.close_reason) == (4002, "as asked")
    assert await Parlour.told.get() == ("bot", 4002, "as asked")


async def test_p4_a_room_may_close_at_once(parlour):
    """As to a browser: the socket opens, and is closed with a code."""
    async with soon(), parlour.socket(query={"_pk": "bot", "away": ""}) as socket:
        assert [message async for message in socket] == []

    assert (socket.close_code, socket.close_reason) == (4001, "not today")


async def test_p4_a_refused_socket_never_opens(parlour):
    """max_connections holds for it, too."""
    sockets = [parlour.socket() for _ in range(4)]
    for socket in sockets[:3]:
        await socket.__aenter__()

    with pytest.raises(SocketClosed, match="closed with 1013: the room is full"):
        await sockets[3].__aenter__()

    for socket in sockets[:3]:
        await socket.close()


async def test_p4_a_stopped_room_closes_the_socket(parlour):
    """With 1012, as any other."""
    async with soon(), parlour.socket() as socket:
        await parlour.stop()
        messages = [message async for message in socket]

    assert len(messages) == 1
    assert socket.close_code == 1012


async def test_p4_whoever_reads_too_slowly_is_closed(parlour):
    """With 3008: the room does not wait, and no queue is without a bound."""
    async with soon(), parlour.socket(query={"_pk": "bot"}) as socket:
        await socket.send("flood200")
        assert await Parlour.told.get() == ("bot", "TooSlow")

        messages = [message async for message in socket]

    assert socket.close_code == 3008
    assert 0 < sum(map(len, messages)) < 1_200_000


async def test_p4_whoever_reads_gets_everything(parlour):
    """More than is kept for a reader, and than waits behind it."""
    async with soon(), parlour.socket() as socket:
        await socket.receive()
        for _ in range(4):
            await socket.send("flood50")
            assert {len(await socket.receive()) for _ in range(50)} == {10_000}


async def test_p4_a_message_that_is_too_large(parlour):
    """It is not sent; a ValueError says how much is allowed."""
    async with soon(), parlour.socket() as socket:
        with pytest.raises(ValueError, match="at most 100000 bytes"):
            await socket.send("x" * 100_001)
        await socket.send(b"ok")
        await socket.receive()
        assert await socket.receive() == b"ok"


async def test_p4_an_unknown_subprotocol_is_the_callers_mistake(parlour):
    """The text names those that the room speaks."""
    with pytest.raises(ValueError, match=r"\['chat.v2', 'chat.v1'\]"):
        parlour.socket(protocols=["other"])
    with pytest.raises(TypeError, match=r"\['chat.v1'\]"):
        parlour.socket(protocols="chat.v1")


async def test_p4_an_exception_in_the_block_closes_the_socket(parlour):
    """It goes on to the caller."""
    with pytest.raises(ZeroDivisionError):
        async with soon(), parlour.socket(query={"_pk": "bot"}):
            raise ZeroDivisionError

    assert await Parlour.told.get() == ("bot", 1000, "")


async def test_p6_a_hook_that_connects_to_its_own_room(parlour):
    """P6: the room would have to let the socket in meanwhile."""
    assert "sockets-parlour/a b waits for sockets-parlour/a b" in (
        await parlour.call("visit_itself")
    )


async def test_d4_the_owner_dies(layered):
    """D4: the socket is closed with a code."""
    Parlour.told = asyncio.Queue()
    here, there = await layered.node(), await layered.node()
    stub = parties["sockets-parlour"].get("a")
    try:
        use_node(here)
        await stub.info()
        use_node(there)
        async with asyncio.timeout(PATIENCE), stub.socket() as socket:
            await layered.kill(here)
            assert len([message async for message in socket]) == 1
    finally:
        use_node(None)

    assert socket.close_code == 1012
