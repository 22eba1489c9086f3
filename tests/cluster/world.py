"""Nodes of one process on one cluster, and sockets without servers, for these tests."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from partyrooms import Room
from partyrooms.api.requests import build_request
from partyrooms.cluster.cluster import LayerCluster
from partyrooms.cluster.transport import channel_of
from partyrooms.conf import get_settings
from partyrooms.core.frames import Profile
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.delivery.requests import describe_request, http_request
from partyrooms.ports.records import Place
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.server.node import Node
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.testing.memory_tables import MemoryTables
from tests.deadline import DEADLINE

PATIENCE = DEADLINE


class Ledger(Room):
    """Writes down what it hears, and says it to everybody."""

    party = "bus-ledger"

    async def on_start(self):
        self.seen = await self.storage.get("seen", [])

    async def on_connect(self, connection, ctx):
        connection.send(f"hello {connection.id} {ctx.props.get('who')}")

    async def on_message(self, message, sender):
        if message == "close":
            sender.close(4001, "as asked")
        elif message == "who":
            ids = sorted(each.id for each in self.get_connections())
            sender.send(f"here: {' '.join(ids)}")
        elif message == "raise":
            raise ValueError("as asked")
        else:
            self.seen.append(message)
            self.storage.put("seen", self.seen)
            sender.set_state({"count": (sender.state or {"count": 0})["count"] + 1})
            self.broadcast(f"{sender.id}:{message}")

    async def on_close(self, connection):
        self.broadcast(f"bye {connection.id} {connection.close_code}")

    async def on_error(self, connection, error):
        self.broadcast(f"trouble {connection.id} {type(error).__name__}")

    async def on_exception(self, error, connection):
        self.broadcast(f"failed {connection.id}")

    async def on_alarm(self):
        self.seen.append("alarm")
        self.storage.put("seen", self.seen)
        self.broadcast("alarm")

    async def on_request(self, request):
        if "alarm" in request.data:
            self.storage.set_alarm(timedelta(seconds=request.data["alarm"]))
        return {"seen": self.seen, "body": request.data, "who": request.user_id}


class SleepyLedger(Ledger):
    """The same, but it leaves memory between events."""

    party = "bus-sleepy-ledger"
    hibernate = True


KEY = RoomKey("bus-ledger", "one")
SLEEPY = RoomKey("bus-sleepy-ledger", "one")


class Socket:
    """A gateway's socket: what it is sent goes into a queue instead of a server."""

    def __init__(self, node, name, key=KEY, *, props=None, meta=None):
        self.name = name
        self.overflows = 0
        self._events = asyncio.Queue()
        self.socket = LocalSocket(
            Profile(id=name, uri="/", user_id=None),
            observer=self,
            audience=node.cluster.local_audience(key),
            send=self._events.put,
            accept_event={"type": "websocket.accept"},
            max_queued=2**20,
        )
        node.cluster.attach(self.socket)
        self.inbox = node.cluster.inbox(key)
        handshake = http_request(describe_request(key, ""))
        handshake.META.update(meta or {})
        self.inbox.connect(
            self.socket, ConnectionContext(handshake, {"who": name, **(props or {})})
        )

    def answered(self): ...

    def ending(self): ...

    def overflowed(self):
        self.overflows += 1

    @property
    def state(self):
        return self.socket.profile.state

    def send(self, payload):
        self.inbox.message(self.socket, payload)

    def leave(self, code=1000):
        self.socket.leave()
        self.inbox.closed(self.socket, (code, ""), True)

    async def next(self):
        """The next payload, or the kind and code of the next event."""
        async with asyncio.timeout(PATIENCE):
            event = await self._events.get()
        kind = event["type"].partition(".")[2]
        if kind == "send":
            return event.get("text", event.get("bytes"))
        return kind if kind == "accept" else (kind, event["code"])

    async def until(self, wanted):
        """Everything up to and with a payload."""
        got = [await self.next()]
        while got[-1] != wanted:
            got.append(await self.next())
        return got


async def connected(node, name, key=KEY):
    """A socket that has heard the room's greeting."""
    socket = Socket(node, name, key)
    assert await socket.next() == "accept"
    assert await socket.next() == f"hello {name} {name}"
    return socket


async def ask(node, key=KEY, *, user_id=None, **body):
    """What a room answers to a POST from a node."""
    request = build_request(
        key,
        "/",
        method="POST",
        headers=None,
        json=body,
        data=None,
        query=None,
        user_id=user_id,
    )
    async with asyncio.timeout(PATIENCE):
        return await node.cluster.request(key, request)


class MemoryWorld:
    """One process: wherever one asks, it is the same node."""

    def __init__(self):
        self.tables = MemoryTables()
        self._node = None

    async def node(self, owners="any", takes_rooms=True):
        if self._node is None:
            self._node = Node(
                MemoryStore(self.tables), name="memory", settings=get_settings()
            )
        return self._node

    async def close(self):
        await self._node.close()


class LayerWorld:
    """Several nodes over one channel layer."""

    def __init__(self, layer, store=MemoryStore, clock=time.monotonic, new_id=uuid4):
        self.layer = layer
        self._clock = clock
        self._new_id = new_id
        self._store = store
        self.tables = MemoryTables()
        self.nodes = []

    async def node(self, owners="any", takes_rooms=True, lease=None, **settings):
        node_id = self._new_id()
        place = Place(
            node=node_id, channel=channel_of(node_id), takes_rooms=takes_rooms
        )
        store = self._store(self.tables, node_id=node_id, place=place)
        node = Node(
            store,
            clock=self._clock,
            name=str(node_id),
            settings=replace(get_settings(), **{"heartbeat_interval": 0.1, **settings}),
            cluster=lambda environment, rooms: LayerCluster(
                environment,
                rooms,
                node_id,
                self.layer,
                owners=owners,
                takes_rooms=takes_rooms,
            ),
            lease=lease,
        )
        node.cluster.start()
        await store.enroll()
        self.nodes.append(node)
        return node

    async def kill(self, node):
        """End a node as kill -9 does: nobody is told, nothing is committed."""
        self.nodes.remove(node)
        for link in node.cluster.transport.links.values():
            link._spawn = lambda sending: sending.close()
        for task in tuple(node._tasks):
            task.cancel()
        for worker in tuple(node.rooms.busy):
            worker._task and worker._task.cancel()
            worker.life and worker.life.gate.lose()
        self.tables.dead.add(node.store.node_id)
        self.tables.places.pop(node.store.node_id, None)

    async def close(self):
        # All of them listen until the last has nothing more to say: whoever has ended
        # is waited for until it is missed.
        for end in (Node.drain, Node.close):
            for node in reversed(self.nodes):
                await end(node)
        with suppress(AttributeError):
            await self.layer.close_pools()
