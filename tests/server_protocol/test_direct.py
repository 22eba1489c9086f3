"""The direct way: messages by function call, frames ready to be written."""

import asyncio

import pytest

from partyrooms.server.websocket_direct import EXTENSION, shorter_way
from partyrooms.server.websocket_frames import encode
from tests.server_protocol.serving import joined, serving, until
from tests.servers.client import DEADLINE
from tests.servers.raw import BINARY, CLOSE, PING, PONG, TEXT, frame, raw

NORMAL = (1000).to_bytes(2, "big")


class Sink:
    """Keeps what it is told; ``attach`` says when it is attached."""

    def __init__(self, attach="before"):
        self.attach = attach
        self.go_on = asyncio.Event()
        self.told = []
        self.events = []
        self.socket = None

    async def __call__(self, scope, receive, send):
        self.socket = socket = scope["extensions"][EXTENSION]
        await receive()
        if self.attach == "before":
            socket.attach(self)
        await send({"type": "websocket.accept"})
        if self.attach == "after":
            await self.go_on.wait()
            socket.attach(self)
        self.events.append(await receive())

    def message_received(self, payload):
        self.told.append(payload)

    def paused(self):
        self.told.append("paused")

    def resumed(self):
        self.told.append("resumed")


async def test_messages_come_by_function_call():
    """In order, text as str and binary as bytes; receive() gives the end only."""
    sink = Sink()
    async with serving(sink) as served, joined(served) as client:
        await client.send(frame(TEXT, b"a") + frame(BINARY, b"b"))
        await client.send(frame(TEXT, b"c", fin=False) + frame(0, b"d") + frame(CLOSE))
        await served.until(lambda: not served.tasks)

    assert sink.told == ["a", b"b", "cd"]
    assert [one["type"] for one in sink.events] == ["websocket.disconnect"]


async def test_a_sink_that_comes_later():
    """Gets first what nobody had received, and reading goes on."""
    sink = Sink(attach="after")
    async with serving(sink, ws_max_queue=2) as served, joined(served) as client:
        data = b"".join(frame(TEXT, b"%d" % number) for number in range(10))
        await client.send(data)
        await until(lambda: not sink.socket.is_reading)
        assert sink.told == []
        sink.go_on.set()
        await client.send(frame(TEXT, b"last"))
        await until(lambda: "last" in sink.told)

    assert sink.told == [*map(str, range(10)), "last"]


async def test_one_frame_for_many_sockets():
    """Is made once and written to each, between what the application sends itself."""
    sockets = []

    async def application(scope, receive, send):
        socket = scope["extensions"][EXTENSION]
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "first"})
        sockets.append(socket)
        await receive()

    async with (
        serving(application) as served,
        joined(served) as a,
        joined(served) as b,
        joined(served) as c,
    ):
        await until(lambda: len(sockets) == 3)
        shared = encode("to all")
        for socket in sockets:
            socket.write(shared)

        for client in (a, b, c):
            assert await client.frame() == (TEXT, b"first")
            assert await client.frame() == (TEXT, b"to all")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70_000])
@pytest.mark.parametrize("kind_of_payload", [str, bytes])
async def test_every_length_of_frame(size, kind_of_payload):
    """Text from str, also of a subclass, and binary from bytes."""

    class Text(str):
        __slots__ = ()

    payload = bytes(size) if kind_of_payload is bytes else Text("x" * size)
    sink = Sink()
    async with serving(sink) as served, joined(served) as client:
        await until(lambda: sink.socket.is_open)
        sink.socket.write(encode(payload))

        opcode, got = await client.frame()
        expected = payload if kind_of_payload is bytes else payload.encode()
        assert opcode == (BINARY if kind_of_payload is bytes else TEXT)
        assert got == expected


async def test_a_client_that_does_not_keep_up():
    """`paused()`, then `resumed()`; `queued` says how much waits."""
    sink = Sink()
    async with serving(sink) as served, joined(served) as client:
        await until(lambda: sink.socket.is_open)
        block = encode(bytes(1 << 16))
        count = 0
        while "paused" not in sink.told:
            sink.socket.write(block)
            count += 1
            await asyncio.sleep(0)
        assert sink.socket.is_paused
        assert sink.socket.queued > 1 << 16
        for _ in range(count):
            assert await client.frame() == (BINARY, bytes(1 << 16))
        await until(lambda: "resumed" in sink.told)

        assert not sink.socket.is_paused
        assert sink.socket.queued == 0


async def test_a_sink_that_comes_while_a_client_does_not_keep_up():
    """Is told so at once."""
    sink = Sink(attach="after")
    async with serving(sink) as served, joined(served):
        await until(lambda: sink.socket.is_open)
        while not sink.socket.is_paused:
            sink.socket.write(encode(bytes(1 << 16)))
            await asyncio.sleep(0)
        assert sink.told == []
        sink.go_on.set()
        await until(lambda: sink.told == ["paused"])


async def test_a_client_that_leaves_while_it_does_not_keep_up():
    """`resumed()` comes all the same."""
    sink = Sink()
    async with serving(sink) as served, joined(served) as client:
        await until(lambda: sink.socket.is_open)
        while not sink.socket.is_paused:
            sink.socket.write(encode(bytes(1 << 16)))
            await asyncio.sleep(0)
        client.writer.transport.abort()
        await until(lambda: "resumed" in sink.told)

        assert not sink.socket.is_open


async def test_a_sink_that_has_enough():
    """Stops the reading, and what the client sends waits with it."""
    sink = Sink()
    async with serving(sink) as served, joined(served) as client:
        await client.send(frame(TEXT, b"a"))
        await until(lambda: sink.told == ["a"])
        sink.socket.pause_reading()
        sending = asyncio.create_task(client.send(frame(BINARY, bytes(1 << 20)) * 20))
        for _ in range(100):
            await asyncio.sleep(0)
        assert sink.told == ["a"]
        sink.socket.resume_reading()
        await asyncio.wait_for(sending, DEADLINE)
        await until(lambda: len(sink.told) == 21)


async def test_a_close():
    """Goes behind what was written; the application hears of the end."""
    sink = Sink()
    async with serving(sink) as served, joined(served) as client:
        await until(lambda: sink.socket.is_open)
        sink.socket.write(encode("last words"))
        sink.socket.close(4000, "bye")
        sink.socket.write(encode("too late"))
        sink.socket.close(4001, "too late")

        assert await client.frame() == (TEXT, b"last words")
        assert await client.frame() == (CLOSE, b"\x0f\xa0bye")
        await client.send(frame(CLOSE, b"\x0f\xa0bye"))
        assert await client.rest() == b""
    assert sink.events == [
        {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
    ]


async def test_nothing_is_written_before_the_acceptance_or_after_the_end():
    """What does not reach the client is dropped, and nothing raises."""
    sink = Sink()
    denied = asyncio.Event()

    async def deny(scope, receive, send):
        socket = scope["extensions"][EXTENSION]
        await receive()
        socket.write(encode("too early"))
        socket.close()
        socket.pause_reading()
        socket.resume_reading()
        await send({"type": "websocket.close"})
        socket.write(encode("too late"))
        socket.close()
        denied.set()

    async with serving(deny) as served, raw(served) as client:
        await client.send(client.handshake("/"))
        assert (await client.response()).status == 403
        assert await client.rest() == b""
        await denied.wait()
    async with serving(sink) as served, joined(served) as client:
        await client.send(frame(CLOSE, NORMAL))
        assert await client.frame() == (CLOSE, NORMAL)
        await served.until(lambda: not served.connections)
        sink.socket.write(encode("too late"))
        sink.socket.close()
        sink.socket.pause_reading()
        sink.socket.resume_reading()
        assert not sink.socket.is_open
        assert sink.socket.queued == 0


@pytest.mark.parametrize(
    "error", [ValueError, UnicodeDecodeError("utf-8", b"", 0, 1, "")]
)
async def test_a_sink_that_raises(error, caplog):
    """1011 for the client; the error is in the log, and no message comes after it."""
    sink = Sink()

    def fail(payload):
        sink.told.append(payload)
        raise error

    sink.message_received = fail
    async with serving(sink) as served, joined(served) as client:
        await client.send(frame(TEXT, b"a") + frame(TEXT, b"b"))

        assert await client.close_code() == 1011
        await served.until(lambda: not served.tasks)
    assert sink.told == ["a"]
    assert sink.events[0]["code"] == 1011
    assert "Error" in caplog.text


async def test_pings_are_not_the_sinks_affair():
    """They are answered, and no word of them reaches it."""
    sink = Sink()
    async with serving(sink) as served, joined(served) as client:
        await client.send(frame(PING, b"p") + frame(PONG, b"q"))

        assert await client.frame() == (PONG, b"p")
    assert sink.told == []


async def test_a_middleware_that_wants_to_see_what_is_sent_sees_it():
    """Whoever is called with another ``send`` gets no direct way."""
    ways = []

    async def application(scope, receive, send):
        ways.append(shorter_way(scope, send))
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async def middleware(scope, receive, send):
        async def seen(event):
            await send(event)

        await application(scope, receive, seen)

    for served_by in (application, middleware):
        async with serving(served_by) as served, joined(served) as client:
            await client.send(frame(CLOSE))
            await served.until(lambda: not served.tasks)

    direct, nothing = ways
    assert direct.encode("a") == encode("a")
    assert direct.sender is None  # it ended with its application
    assert nothing is None
