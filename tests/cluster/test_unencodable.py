"""What cannot be encoded or decoded fails alone, wherever the room's owner is."""

import asyncio
import itertools

import pytest

from partyrooms import Room, parties, rpc
from partyrooms.cluster import encoding, replies
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire import to_room
from partyrooms.exceptions import PartyroomsError
from partyrooms.server.nodes import use_node
from tests.cluster.world import PATIENCE, Socket, ask, connected

MIRROR = RoomKey("unencodable-mirror", "one")


class Mirror(Room):
    """Says what came to it, and what it may not say."""

    party = "unencodable-mirror"

    async def on_connect(self, connection, ctx):
        connection.set_state({"n": 2**64})
        connection.send(str(ctx.props.get("n")))

    async def on_request(self, request):
        return {"q": request.query_params.get("q"), "props": request.props}

    @rpc
    async def echo(self, value):
        return value

    @rpc
    async def cut(self):
        return "\ud83d"


@pytest.fixture
async def mirror(world):
    """A stub in one node, of a room in another; with a memory cluster, in the same."""
    owner = await world.node()
    use_node(owner)
    stub = parties["unencodable-mirror"].get("one")
    async with asyncio.timeout(PATIENCE):
        await stub.info()
    use_node(await world.node(takes_rooms=False))
    yield stub
    use_node(None)


async def test_p1_a_query_in_any_script_arrives(mirror):
    """P1, P2: as in a browser's address bar, whether the room is here or elsewhere."""
    async with asyncio.timeout(PATIENCE):
        answers = [(await mirror.fetch(f"/?q={q}")).data["q"] for q in ("é", "日本")]

    assert answers == ["é", "日本"]


async def test_b2_props_are_whatever_json_holds(world, mirror):
    """B2: JSON has larger integers than MessagePack."""
    gateway = world.nodes[-1] if hasattr(world, "nodes") else await world.node()
    socket = Socket(gateway, "alice", MIRROR, props={"n": 2**64})

    assert await socket.next() == "accept"
    assert await socket.next() == str(2**64)
    async with asyncio.timeout(PATIENCE):
        (listed,) = await mirror.connections()
    assert listed["state"] == {"n": 2**64}


async def test_p3_half_a_surrogate_pair_is_the_callers_error(mirror):
    """P3: nothing is sent; the next call is answered."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(TypeError, match="UTF-8"):
            await mirror.call("echo", "\ud83d")
        with pytest.raises(PartyroomsError, match="UTF-8"):
            await mirror.call("cut")

        assert await mirror.call("echo", "whole") == "whole"


@pytest.fixture
async def apart(layered):
    """An owner, a gateway, and a socket of it in the owner's room."""
    await layered.node()
    gateway = await layered.node(takes_rooms=False)
    return gateway, await connected(gateway, "alice")


async def test_d4_a_handshake_that_cannot_be_sent_fails_alone(apart):
    """D4: 1011; it is not counted, so later counts are right after a hand-over."""
    gateway, alice = apart

    mallory = Socket(gateway, "mallory", meta={"X": "\ud83d"})

    assert await mallory.until(("close", 1011))
    alice.send("a")
    assert await alice.until("alice:a")
    async with asyncio.timeout(PATIENCE):
        while alice.inbox.queue.unhandled:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_d4_a_frame_that_cannot_be_sent_ends_its_socket(apart):
    """D4: 1011, and the room's on_close is called."""
    gateway, alice = apart
    mallory = await connected(gateway, "mallory")

    mallory.send("\ud83d")

    assert await mallory.until(("close", 1011))
    alice.send("a")
    assert await alice.until("alice:a")


async def test_g6_what_cannot_be_sent_takes_no_space(apart):
    """G6: more of it than a mailbox holds leaves the room within reach."""
    gateway, alice = apart
    size = gateway.environment.settings.mailbox_size

    replies = [alice.inbox.call("info", {"x": "\ud83d"}) for _ in range(size + 1)]

    failed = await asyncio.gather(*replies, return_exceptions=True)
    assert {type(one) for one in failed} == {ValueError}
    assert (await ask(gateway, text="a")).status == 200
    assert not gateway.cluster._context.pending._waiting


@pytest.mark.parametrize("kind", [to_room.Requested, to_room.Opened, to_room.Sent])
async def test_d4_what_the_owner_cannot_read_counts_and_fails(apart, monkeypatch, kind):
    """D4: what was sent with it and after it is handled; nobody waits for ever."""
    gateway, alice = apart
    decode = encoding.decode_event

    def broken_decode(message, receiver):
        if isinstance(message, kind) and next(broken, None) is not None:
            if kind is to_room.Opened:
                receiver.add_socket(message.socket, message.profile)
            raise UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "as asked")
        return decode(message, receiver)

    broken = iter([1])
    monkeypatch.setattr("partyrooms.cluster.subscription.decode_event", broken_decode)

    bob = await connected(gateway, "bob") if kind is not to_room.Opened else None
    if kind is to_room.Requested:
        with pytest.raises(PartyroomsError, match="cannot be read"):
            await ask(gateway, text="a")
    elif kind is to_room.Opened:
        assert await Socket(gateway, "carol").until(("close", 1011))
    else:
        bob.send("b")
        assert await bob.until(("close", 1011))
    alice.send("a")

    assert await alice.until("alice:a")
    async with asyncio.timeout(PATIENCE):
        while alice.inbox.queue.unhandled:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_p2_an_answer_that_cannot_be_read_is_an_error(apart, monkeypatch):
    """P2: at whom it is for; the next is read."""
    gateway, _ = apart
    decode, broken = replies.decode_reply, itertools.chain([True], itertools.repeat(0))

    def broken_decode(message):
        if next(broken):
            raise ValueError("as asked")
        return decode(message)

    monkeypatch.setattr("partyrooms.cluster.pending.decode_reply", broken_decode)

    with pytest.raises(PartyroomsError, match="as asked"):
        await ask(gateway, text="a")
    assert (await ask(gateway, text="b")).status == 200


@pytest.mark.parametrize("data", [None, 1, "text", b"\xc1", [1]])
async def test_d8_the_reader_goes_on_whatever_it_reads(layered, apart, data):
    """D8: something else on the project's layer may send to any channel."""
    _, alice = apart
    for node in layered.nodes:
        channel = node.cluster.transport.channel
        await layered.layer.send(channel, {"type": "x", "data": data})

    alice.send("a")

    assert await alice.next() == "alice:a"


async def test_d8_the_ticker_and_the_watch_go_on(layered, apart, monkeypatch):
    """D8: one room's defect is no other's."""
    gateway, alice = apart
    cluster, met = gateway.cluster, asyncio.Event()
    link = next(iter(cluster.transport.links.values()))

    def fail(*_):
        met.set()
        raise RuntimeError("as asked")

    for target, name in [(link, "tick"), (cluster._monitor, "look")]:
        met.clear()
        with monkeypatch.context() as patched:
            patched.setattr(target, name, fail)
            async with asyncio.timeout(PATIENCE):
                await met.wait()
        again = asyncio.Event()
        monkeypatch.setattr(target, name, calling(getattr(target, name), again))
        async with asyncio.timeout(PATIENCE):
            await again.wait()
    alice.send("a")
    assert await alice.next() == "alice:a"


def calling(function, called):
    """The same function; it sets an event first."""

    def call(*given):
        called.set()
        return function(*given)

    return call
