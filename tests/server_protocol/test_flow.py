"""Nothing waits without a bound: neither what a client sends nor what it is sent."""

import asyncio

import pytest

from partyrooms.server.websocket_direct import EXTENSION
from partyrooms.server.websocket_inbox import MAX_WAITING_SIZE
from partyrooms.server.websocket_parser import READ_SIZE
from tests.server_protocol.serving import Echo, joined, serving, until
from tests.servers.client import DEADLINE
from tests.servers.raw import BINARY, CLOSE, PING, PONG, TEXT, frame, raw

NORMAL = (1000).to_bytes(2, "big")


class Idle:
    """An application that accepts, and receives when it is told to."""

    def __init__(self):
        self.go_on = asyncio.Event()
        self.events = []

    async def __call__(self, scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await self.go_on.wait()
        while True:
            event = await receive()
            self.events.append(event)
            if event["type"] == "websocket.disconnect":
                return


@pytest.mark.parametrize("size", [0, 1, 1000, 65536], ids=str)
async def test_an_application_that_does_not_receive(size):
    """Stops the reading; once it receives, every message comes, in order."""
    idle = Idle()
    async with serving(idle, ws_max_queue=8) as served, joined(served) as client:
        (socket,) = served.connections
        payloads = [bytes([n % 256]) * size for n in range(20_000 if size < 2 else 500)]
        data = b"".join(frame(BINARY, one) for one in payloads)
        sending = asyncio.create_task(client.send(data + frame(CLOSE, NORMAL)))
        await until(lambda: not socket.is_reading)

        # One read is the most that comes on top of what may wait.
        waiting = socket.inbox._size
        assert waiting <= MAX_WAITING_SIZE + READ_SIZE + size
        idle.go_on.set()
        await asyncio.wait_for(sending, DEADLINE)
        await served.until(lambda: not served.tasks)

    assert [one["bytes"] for one in idle.events[:-1]] == payloads
    assert idle.events[-1]["code"] == 1000


async def test_a_client_that_does_not_wait_for_the_answer():
    """Is not read before it has one: what it sends waits with it."""
    go_on = asyncio.Event()
    sockets, got = [], []

    async def application(scope, receive, send):
        sockets.append(scope["extensions"][EXTENSION])
        await go_on.wait()
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            got.append(event["bytes"])

    async with serving(application) as served, raw(served) as client:
        await client.send(client.handshake("/"))
        await until(lambda: sockets)
        data = frame(BINARY, bytes(1 << 20)) * 20 + frame(CLOSE, NORMAL)
        sending = asyncio.create_task(client.send(data))
        await until(lambda: not sockets[0].is_reading)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert len(sockets[0]._early) < 1 << 20
        assert not sending.done()
        go_on.set()
        await asyncio.wait_for(sending, DEADLINE)
        await served.until(lambda: not served.tasks)

    assert got == [bytes(1 << 20)] * 20


async def test_a_close_while_nothing_is_read():
    """The client's answer is read, behind all that it has sent."""

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        (socket,) = served.connections
        await until(lambda: not socket.is_reading)
        await send({"type": "websocket.close"})

    async with (
        serving(application, ws_max_queue=1) as served,
        joined(served) as client,
    ):
        flood = frame(BINARY, bytes(1 << 16)) * 100 + frame(CLOSE, NORMAL)
        sending = asyncio.create_task(client.send(flood))

        assert await client.frame() == (CLOSE, NORMAL)
        await asyncio.wait_for(sending, DEADLINE)
        assert await client.rest() == b""


async def test_as_many_messages_wait_as_configured():
    """`ws_max_queue`: one more, and nothing more is read."""
    idle = Idle()
    async with serving(idle, ws_max_queue=8) as served, joined(served) as client:
        (socket,) = served.connections
        for number in range(8):
            await client.send(frame(TEXT, b"x") + frame(PING, b"%d" % number))
            assert await client.frame() == (PONG, b"%d" % number)
        assert socket.is_reading
        await client.send(frame(TEXT, b"x") + frame(PING, b"last"))
        assert await client.frame() == (PONG, b"last")

        assert not socket.is_reading
        idle.go_on.set()
        await until(lambda: len(idle.events) == 9 and socket.is_reading)


async def test_a_client_that_leaves_while_it_is_not_read():
    """Everything that was read is received; then the end."""
    idle = Idle()
    async with serving(idle, ws_max_queue=1) as served:
        async with joined(served) as client:
            (socket,) = served.connections
            await client.send(frame(TEXT, b"x") * 3 + frame(CLOSE, NORMAL))
            await until(lambda: not socket.is_reading)
        idle.go_on.set()
        await served.until(lambda: not served.tasks)

    assert [one["type"] for one in idle.events] == [
        *["websocket.receive"] * 3,
        "websocket.disconnect",
    ]
    assert idle.events[-1]["code"] == 1000


async def test_a_receive_that_is_cancelled_loses_nothing():
    """As often as it happens; and what waits does not pile up."""
    got = []

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(100):
            waiting = asyncio.create_task(receive())
            await asyncio.sleep(0)
            waiting.cancel()
        await send({"type": "websocket.send", "text": "ready"})
        while (event := await receive())["type"] == "websocket.receive":
            got.append(event["text"])

    async with serving(application) as served, joined(served) as client:
        (socket,) = served.connections
        assert await client.frame() == (TEXT, b"ready")
        assert len(socket.inbox._arrival._waiting) <= 1
        await client.send(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(CLOSE))
        await served.until(lambda: not served.tasks)

    assert got == ["a", "b"]


async def test_two_tasks_that_receive():
    """Share the messages; both hear of the end."""
    got = []

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})

        async def one():
            while (event := await receive())["type"] == "websocket.receive":
                got.append(event["text"])

        await asyncio.gather(one(), one())

    async with serving(application) as served, joined(served) as client:
        await client.send(frame(TEXT, b"a"))
        await until(lambda: got == ["a"])
        await client.send(frame(TEXT, b"b") + frame(CLOSE))
        await served.until(lambda: not served.tasks)

    assert sorted(got) == ["a", "b"]


async def test_a_client_that_does_not_read(protocol):
    """send() waits, and goes on once the client reads; everything comes, in order."""
    sent = []

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for number in range(400):
            await send(
                {"type": "websocket.send", "bytes": bytes([number % 256]) * 50_000}
            )
            sent.append(number)
        await send({"type": "websocket.close"})

    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        (socket,) = served.connections
        transport = getattr(socket, "_transport", None) or socket.transport
        await until(lambda: transport.get_write_buffer_size() > 1 << 16)
        # 20 MB are not in memory: what waits, and what the kernel took.
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(sent) < 400
        assert transport.get_write_buffer_size() < 1 << 18
        for number in range(400):
            expected = bytes([number % 256]) * 50_000
            assert await client.frame() == (BINARY, expected)
        assert await client.frame() == (CLOSE, NORMAL)


async def test_a_client_that_leaves_while_send_waits(protocol):
    """send() raises OSError instead of waiting for ever."""
    raised = []

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(1 << 16)})
        except OSError as error:
            raised.append(error)

    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        (socket,) = served.connections
        transport = getattr(socket, "_transport", None) or socket.transport
        await until(lambda: transport.get_write_buffer_size() > 1 << 16)
        client.writer.transport.abort()
        await served.until(lambda: raised)


async def test_a_client_that_pings_and_does_not_read():
    """Fills no memory: of many pings that cannot be answered the last one is."""
    full = asyncio.Event()

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        # Until the client's end takes no more.
        while not socket_of(served).is_paused:
            await send({"type": "websocket.send", "bytes": bytes(1 << 16)})
        full.set()
        await receive()

    def socket_of(served):
        (socket,) = served.connections
        return socket

    async with serving(application) as served, joined(served) as client:
        await full.wait()
        socket = socket_of(served)
        before = socket.queued
        pings = b"".join(frame(PING, b"%d" % n) for n in range(100_000))
        await client.send(pings + frame(PING, b"the last one"))
        await until(lambda: socket._pong == b"the last one")

        assert socket.queued == before
        pongs = []
        while b"the last one" not in pongs:
            opcode, payload = await client.frame()
            if opcode == PONG:
                pongs.append(payload)
        assert pongs == [b"the last one"]


async def test_a_million_empty_fragments():
    """Are one message, and take no memory each."""
    echo = Echo()
    async with serving(echo) as served, joined(served) as client:
        (socket,) = served.connections
        await client.send(frame(TEXT, b"a", fin=False) + frame(0, fin=False) * 100_000)
        await client.send(frame(PING, b"p"))
        assert await client.frame() == (PONG, b"p")

        assert len(socket._parser._parts) == 1
        await client.send(frame(0, b"b"))
        assert await client.frame() == (TEXT, b"ab")


async def test_one_read_takes_no_more_than_its_size():
    """However much a client has sent, and however large its last message was."""
    echo = Echo()
    async with serving(echo) as served, joined(served) as client:
        (socket,) = served.connections
        await client.send(frame(BINARY, bytes(4 << 20)))
        opcode, payload = await client.frame()
        assert (opcode, len(payload)) == (BINARY, 4 << 20)

        assert len(socket.get_buffer(-1)) <= READ_SIZE
