"""SPEC 13: one contract, which a server keeps and the testing kit as well."""

import inspect
import json
import textwrap
from itertools import count

import pytest
from asgiref.sync import async_to_sync
from websockets.exceptions import InvalidStatus

import partyrooms
from partyrooms import parties, registry, rpc
from partyrooms.testing import running_room
from tests.servers.site import lab
from tests.servers.visitor import Room, visit

_numbers = count()


class InKit:
    """Rooms in the testing kit."""

    refusals = (ValueError,)

    def __init__(self, running):
        self._running = running

    async def define(self, room_class):
        source = textwrap.dedent(inspect.getsource(room_class))
        name = f"{room_class.__name__}Kit{next(_numbers)}"
        source = source.replace(f"class {room_class.__name__}", f"class {name}", 1)
        return await lab.define(None, name=name, source=source, constants={})

    async def connect(self, party, pk=None):
        room = self._running.other(registry.get(party), "here")
        return KitClient(await room.connect(pk))

    async def post(self, party, value):
        room = self._running.other(registry.get(party), "here")
        return (await room.post(json=value)).data


class KitClient:
    """The kit's client, with a server's client's manners."""

    def __init__(self, client):
        self._client = client
        self.send, self.close = client.send, client.close

    async def receive(self):
        return self._client.received.pop(0)

    async def closed(self):
        return self._client.closed


class OnServer:
    """Rooms on a server."""

    refusals = (InvalidStatus,)

    def __init__(self, visitor):
        self._visitor = visitor

    async def define(self, room_class):
        return (await self._visitor.define(room_class)).party

    async def connect(self, party, pk=None):
        return await self._visitor.room(party, "here").join(pk)

    async def post(self, party, value):
        return await self._visitor.room(party, "here").data("POST", json=value)


@pytest.fixture(params=["kit", "server"])
async def place(request, monkeypatch):
    """Where rooms run."""
    if request.param == "kit":
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))
        async with running_room(type("Idle", (partyrooms.Room,), {})) as running:
            yield InKit(running)
    else:
        servers = request.getfixturevalue("servers")
        async with visit(servers("uvicorn", "usual")) as visitor:
            yield OnServer(visitor)


class Echo(Room):
    """Repeats what it hears."""

    def on_message(self, message, sender):
        if message == "close":
            sender.close(4001, "as asked")
        sender.send(message)

    def on_connect(self, connection, ctx):
        is_anonymous = ctx.request.user.is_anonymous
        connection.send_json([connection.user_id, is_anonymous])

    def on_request(self, request):
        return {"method": request.method, "data": request.data}


@pytest.mark.parametrize("payload", ["é", b"\x00", ""])
async def test_r12_frames_arrive_as_they_are(place, payload):
    """R12: text as text, bytes as bytes."""
    client = await place.connect(await place.define(Echo))
    await client.receive()

    await client.send(payload)

    assert await client.receive() == payload


@pytest.mark.parametrize("value", [{"a": 1}, 1, None])
async def test_r12_what_is_no_frame_is_not_sent(place, value):
    """R12: a client has to encode it, and the room hears nothing."""
    client = await place.connect(await place.define(Echo))
    await client.receive()

    with pytest.raises(TypeError):
        await client.send(value)

    await client.send("next")
    assert await client.receive() == "next"


@pytest.mark.parametrize("pk", ["", "x" * 129, "é", "a\nb"])
async def test_w2_a_connection_id_is_printable_ascii(place, pk):
    """W2: of 1 to 128 characters; any other is refused."""
    party = await place.define(Echo)

    with pytest.raises(place.refusals):
        await place.connect(party, pk)


async def test_r30_nobody_is_anonymous(place):
    """R30: `user_id` is None then."""
    client = await place.connect(await place.define(Echo))

    assert json.loads(await client.receive()) == [None, True]


async def test_r33_a_room_closes_with_code_and_reason(place):
    """R33: what it sends afterwards reaches nobody."""
    client = await place.connect(await place.define(Echo))
    await client.receive()

    await client.send("close")

    assert tuple(await client.closed()) == (4001, "as asked")


async def test_h3_a_request_is_the_same(place):
    """H3, H4: method and JSON."""
    party = await place.define(Echo)

    assert await place.post(party, [1]) == {"method": "POST", "data": [1]}


async def test_p3_a_plain_hook_calls_a_plain_method(place):
    """P3, R7: its thread waits, and so on, for three rooms in a row."""

    class Chain(Room):
        @rpc
        def depth(self, left):
            if not left:
                return 1
            stub = parties[self.party].get(f"{left}")
            return 1 + async_to_sync(stub.call)("depth", left - 1)

        def on_request(self, request):
            return {"depth": self.depth(request.data)}

    party = await place.define(Chain)

    assert await place.post(party, 3) == {"depth": 4}
