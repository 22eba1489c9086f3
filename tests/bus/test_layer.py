"""Rooms across processes: two nodes and one layer, in one process."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from channels.layers import InMemoryChannelLayer

from partyrooms import Room
from partyrooms.bus.hub import channel_of
from partyrooms.bus.layer import LayerBus
from partyrooms.conf import get_settings
from partyrooms.connection import ConnectionContext
from partyrooms.core.keys import RoomKey
from partyrooms.core.messages import Profile
from partyrooms.gateway.outbox import Outbox
from partyrooms.owner.node import Node
from partyrooms.requests import build_request
from partyrooms.store.contract import Place
from partyrooms.store.memory import MemoryStore, MemoryTables
from partyrooms.testing import _handshake


class BusLedger(Room):
    party = "bus-ledger"

    async def on_start(self):
        self.seen = await self.storage.get("seen", [])

    async def on_connect(self, connection, ctx):
        connection.send(f"hello {connection.id} {ctx.props.get('who')}")

    async def on_message(self, message, sender):
        self.seen.append(message)
        self.storage.put("seen", self.seen)
        sender.set_state({"last": message})
        self.broadcast(f"{sender.id}:{message}")

    async def on_close(self, connection):
        self.broadcast(f"bye {connection.id}")

    async def on_request(self, request):
        return {"seen": self.seen, "body": request.data}


KEY = RoomKey("bus-ledger", "one")


class Keeper:
    def answered(self): ...
    def overflowed(self): ...
    def ending(self): ...


class Socket:
    """A gateway's socket without a server."""

    def __init__(self, node, name):
        self.node = node
        self.events = asyncio.Queue()
        self.bus = node.bus
        self.outbox = Outbox(
            Profile(id=name, uri="/", user_id=None),
            keeper=Keeper(),
            audience=self.bus.local_audience(KEY),
            send=self.events.put,
            accept_event={"type": "websocket.accept"},
            max_queued=2**20,
        )
        self.bus.attach(self.outbox)
        self.inlet = self.bus.inlet(KEY)
        request = _handshake(KEY, "", "", {})
        self.inlet.connect(self.outbox, ConnectionContext(request, {"who": name}))

    def send(self, text):
        self.inlet.message(self.outbox, text)

    def leave(self):
        self.outbox.leave()
        self.inlet.closed(self.outbox, (1000, ""), True)

    async def next(self):
        async with asyncio.timeout(10):
            event = await self.events.get()
        return event.get("text") or (event["type"].partition(".")[2], event.get("code"))


class World:
    def __init__(self, layer):
        self.layer = layer
        self.tables = MemoryTables()
        self.nodes = []

    async def node(self, owners="any", takes_rooms=True):
        node_id = uuid4()
        place = Place(
            node=node_id, channel=channel_of(node_id), takes_rooms=takes_rooms
        )
        store = MemoryStore(self.tables, node_id=node_id, place=place)
        node = Node(
            store,
            name=str(node_id),
            settings=replace(get_settings(), heartbeat_interval=0.1),
            bus=lambda node: LayerBus(
                node, node_id, self.layer, owners=owners, takes_rooms=takes_rooms
            ),
        )
        node.bus.start()
        await store.enroll()
        self.nodes.append(node)
        return node


@pytest.fixture
async def world():
    world = World(InMemoryChannelLayer(capacity=100))
    yield world
    for node in reversed(world.nodes):
        await node.close()


async def test_a_socket_reaches_a_room_of_another_process(world):
    """R6: everyone who connects with the same id reaches the same instance."""
    one, two = await world.node(), await world.node()
    alice = Socket(one, "alice")
    assert await alice.next() == ("accept", None)
    assert await alice.next() == "hello alice alice"

    bob = Socket(two, "bob")

    assert await bob.next() == ("accept", None)
    assert await bob.next() == "hello bob bob"
    bob.send("hi")
    assert await bob.next() == "bob:hi"
    assert await alice.next() == "bob:hi"
    assert two.worker(KEY).life is None
    assert bob.outbox.profile.state == b'{"last":"hi"}'
    bob.leave()
    assert await alice.next() == "bye bob"
    answer = await two.bus.request(
        KEY,
        build_request(
            KEY, "/", method="POST", headers=None, json={"a": 1}, data=None, query=None
        ),
    )
    assert answer.body == b'{"seen":["hi"],"body":{"a":1}}'


async def test_a_drain_closes_no_socket_and_loses_nothing(world):
    """D6: a planned restart closes no socket, loses and repeats nothing."""
    web = await world.node("workers", False)
    first = await world.node("workers", True)
    alice, bob = Socket(web, "alice"), Socket(web, "bob")
    for socket in (alice, bob):
        assert await socket.next() == ("accept", None)
        await socket.next()
    second = await world.node("workers", True)
    third_draining = asyncio.create_task(first.close())
    for number in range(200):
        alice.send(str(number))
        await asyncio.sleep(0)
    await third_draining

    got = [await bob.next() for _ in range(200)]

    assert got == [f"alice:{number}" for number in range(200)]
    assert second.worker(KEY).life is not None
    assert [await alice.next() for _ in range(200)] == got
