"""Links, peers and routes over a layer that drops, repeats, reorders, or is away."""

import asyncio
import random
from functools import partial
from uuid import uuid4

import pytest

from partyrooms.cluster import transport as hubs
from partyrooms.cluster.transport import Transport, channel_of
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.to_room import Sent
from tests.cluster.lossy import LossyLayer
from tests.cluster.world import KEY, PATIENCE, LayerWorld, ask, connected

ITEMS = 500


class End:
    """One end of a link: a transport, and what has come."""

    def __init__(self, layer, clock):
        self.node = uuid4()
        self.layer = layer
        self.got = []
        self.breaks = 0
        self.news = asyncio.Event()
        self._tasks = set()
        self.transport = Transport(
            layer,
            self.node,
            spawn=self.spawn,
            clock=clock,
            on_message=self._take,
            on_broken=self._broken,
        )
        self.transport.start()

    def spawn(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def link(self, other):
        return self.transport.link(other.node.bytes, channel_of(other.node))

    def send(self, other, number):
        self.link(other).send(said(number))

    async def until_got(self, count):
        async with asyncio.timeout(PATIENCE):
            while len(self.got) < count:
                self.news.clear()
                await self.news.wait()

    async def close(self):
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, link, message):
        self.got.append(message.socket)
        self.news.set()

    def _broken(self, link, is_dead):
        self.breaks += 1


def said(number):
    """A message with a number."""
    return encode_message(Sent(route=1, join=1, socket=number, payload="x"))


@pytest.fixture
async def ends(seed, impatient, monkeypatch):
    """Three ends on one layer, whose links do not break because a machine is slow."""
    monkeypatch.setattr(hubs, "BREAK_AFTER", float("inf"))
    layer = LossyLayer(seed)
    ends = [End(layer, asyncio.get_running_loop().time) for _ in range(3)]
    yield ends
    for end in ends:
        await end.close()


async def test_d3_items_come_once_and_in_order_both_ways(ends):
    """D3, D4: whatever the layer does."""
    one, other, _ = ends

    for number in range(ITEMS):
        one.send(other, number)
        other.send(one, number)
        await asyncio.sleep(0)

    await one.until_got(ITEMS)
    await other.until_got(ITEMS)
    assert one.got == other.got == list(range(ITEMS))
    assert one.breaks == other.breaks == 0


async def test_d3_a_group_gets_what_it_misses_over_the_links(ends):
    """D3: in its place among what is sent to one of them; also who is no member."""
    one, *others = ends
    await one.layer.group_add("room", others[0].transport.channel)

    for number in range(0, ITEMS, 2):
        one.transport.send_to_group(
            "room", said(number), [one.link(each) for each in others]
        )
        for each in others:
            one.send(each, number + 1)
        await asyncio.sleep(0)

    for each in others:
        await each.until_got(ITEMS)
        assert each.got == list(range(ITEMS))


@pytest.mark.parametrize("how", ["is_away", "is_deaf"])
async def test_d9_what_was_lost_is_sent_when_the_layer_answers(how):
    """
    D9: not only when a timer says so; here none ever does, for the clock stands still.

    A layer may refuse messages, and then take them for a while without bringing any.
    """
    layer = LossyLayer(0, is_fair=True)
    one, other = End(layer, lambda: 0.0), End(layer, lambda: 0.0)
    one.send(other, 0)
    await other.until_got(1)
    layer.is_away = True
    for number in range(1, 50):
        one.send(other, number)
        await asyncio.sleep(0)
    await until(lambda: one.transport._is_away)
    if how == "is_deaf":
        layer.is_away, layer.is_deaf = False, True
        one.send(other, 50)
        await until(lambda: not one.link(other)._queue)

    layer.is_away = layer.is_deaf = False

    wanted = 50 if how == "is_away" else 51
    await other.until_got(wanted)
    assert other.got == list(range(wanted))
    await one.close()
    await other.close()


async def test_d9_a_word_after_a_long_silence_brings_what_it_missed():
    """D9: the other process was cut off, and knows; this one could not."""
    layer, now = LossyLayer(0, is_fair=True), [0.0]
    one, other = (End(layer, lambda: now[0]) for _ in range(2))
    one.send(other, 0)
    other.send(one, 0)
    await other.until_got(1)
    await one.until_got(1)
    layer.is_deaf = True
    one.send(other, 1)
    await until(lambda: not one.link(other)._queue)
    now[0] += 0.4
    layer.is_deaf = False
    assert other.got == [0]

    now[0] += 0.7
    one.link(other)._sender._sent_at = now[0]  # it was sent again, and lost again
    other.send(one, 1)

    await other.until_got(2)
    await one.close()
    await other.close()


@pytest.fixture
async def rough(seed, impatient, monkeypatch):
    """Nodes over a layer so bad that links break."""
    monkeypatch.setattr(hubs, "BREAK_AFTER", 1.0)
    world = LayerWorld(LossyLayer(seed))
    yield world
    world.layer.is_away = world.layer.is_deaf = False
    await world.close()


async def test_d4_every_view_is_contiguous_or_ends_with_a_code(rough, seed):
    """
    D3, D4: links may break; nobody sees a gap, and nobody who stays open waits.

    What was handled of each socket is a prefix of what it had sent.
    """
    chance = random.Random(seed)  # noqa: S311
    owner = await rough.node()
    await ask(owner)
    gateways = [await rough.node(takes_rooms=False) for _ in range(2)]
    sockets = [
        await connected(node, f"{n}{number}")
        for n, node in enumerate(gateways)
        for number in range(2)
    ]
    sent = {socket.name: 0 for socket in sockets}
    for _ in range(6):
        for socket in chance.choices(sockets, k=20):
            socket.send(f"{socket.name}-{sent[socket.name]}")
            sent[socket.name] += 1
            await asyncio.sleep(0)
        if chance.random() < 0.5:
            rough.layer.is_deaf = True
            await asyncio.sleep(chance.uniform(0, 2.0))  # how long the fault lasts
            rough.layer.is_deaf = False

    room = owner.worker(KEY).life.room
    views = {socket: [] for socket in sockets}

    def is_settled(socket):
        views[socket] += heard(socket)
        said = [f"{socket.name}-{number}" for number in range(sent[socket.name])]
        everything = [f"{one.partition('-')[0]}:{one}" for one in room.seen]
        return is_closed(socket) or (
            set(said) <= set(room.seen) and views[socket] == everything
        )

    for socket in sockets:
        await until(partial(is_settled, socket))

    everything = [f"{one.partition('-')[0]}:{one}" for one in room.seen]
    for socket in sockets:
        handled = [one for one in room.seen if one.startswith(f"{socket.name}-")]
        assert handled == [f"{socket.name}-{n}" for n in range(len(handled))]
        view = views[socket]
        assert view == everything[: len(view)]
        assert is_closed(socket) or len(handled) == sent[socket.name]


def heard(socket):
    """What a socket has been sent since the last time, but for who left and why."""
    found = []
    while not socket._events.empty():
        text = socket._events.get_nowait().get("text")
        if text is not None and text.partition(" ")[0] not in ("bye", "trouble"):
            found.append(text)
    return found


def is_closed(socket):
    """Whether it got a code."""
    return socket.socket.closing is not None


async def until(is_done):
    """Wait for what nobody is told of."""
    async with asyncio.timeout(PATIENCE):
        while not is_done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
