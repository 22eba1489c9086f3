"""RFC 6455, section by section: what a client may send, and what ends its socket."""

import asyncio
import struct

import pytest

from partyrooms.server.websocket_direct import EXTENSION
from tests.server_protocol.serving import Echo, joined, masked, serving
from tests.servers.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    frame,
    raw,
)

MAX_SIZE = 100_000


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame's payload."""
    return struct.pack("!H", code) + reason


def lengths(opcode: int, flag: int, size: int, payload: bytes = b"") -> bytes:
    """A masked frame that says its length in the way of ``flag`` (126 or 127)."""
    announced = struct.pack("!H" if flag == 126 else "!Q", size)
    return bytes([0x80 | opcode, 0x80 | flag]) + announced + bytes(4) + payload


# Name: what is sent, and every frame that comes back; the socket stays open.
GOOD = {
    "5.2-empty-text": (frame(TEXT), [(TEXT, b"")]),
    "5.2-empty-binary": (frame(BINARY), [(BINARY, b"")]),
    **{
        f"5.2-{size}-bytes": (frame(BINARY, b"x" * size), [(BINARY, b"x" * size)])
        for size in (1, 125, 126, 127, 65535, 65536, 70000, MAX_SIZE)
    },
    **{
        f"5.3-mask-over-{size}-bytes": (
            masked(TEXT, b"abcdefghijklmnopqrst"[:size], b"\x01\x80\xfe\x7f"),
            [(TEXT, b"abcdefghijklmnopqrst"[:size])],
        )
        for size in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17)
    },
    "5.4-two-fragments": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b"),
        [(TEXT, b"ab")],
    ),
    "5.4-three-binary-fragments": (
        frame(BINARY, b"\xff", fin=False)
        + frame(CONTINUATION, b"\x00", fin=False)
        + frame(CONTINUATION, b"\xfe"),
        [(BINARY, b"\xff\x00\xfe")],
    ),
    "5.4-empty-first-and-last": (
        frame(TEXT, fin=False)
        + frame(CONTINUATION, b"a", fin=False)
        + frame(CONTINUATION),
        [(TEXT, b"a")],
    ),
    "5.4-empty-fragments-only": (
        frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) + frame(CONTINUATION),
        [(TEXT, b"")],
    ),
    "5.4-ping-between-fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"b"),
        [(PONG, b"p"), (TEXT, b"ab")],
    ),
    "5.4-pong-between-fragments": (
        frame(TEXT, b"a", fin=False) + frame(PONG, b"p") + frame(CONTINUATION, b"b"),
        [(TEXT, b"ab")],
    ),
    "5.4-message-after-fragments": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b") + frame(BINARY, b"c"),
        [(TEXT, b"ab"), (BINARY, b"c")],
    ),
    "5.4-fragments-up-to-the-limit": (
        frame(BINARY, bytes(MAX_SIZE - 1), fin=False) + frame(CONTINUATION, b"x"),
        [(BINARY, bytes(MAX_SIZE - 1) + b"x")],
    ),
    "5.5.2-empty-ping": (frame(PING), [(PONG, b"")]),
    "5.5.2-longest-ping": (frame(PING, b"x" * 125), [(PONG, b"x" * 125)]),
    "5.5.2-pings-in-order": (
        frame(PING, b"1") + frame(PING, b"2") + frame(TEXT, b"a") + frame(PING, b"3"),
        [(PONG, b"1"), (PONG, b"2"), (TEXT, b"a"), (PONG, b"3")],
    ),
    "5.5.3-pong-unasked": (frame(PONG, b"x") + frame(TEXT, b"a"), [(TEXT, b"a")]),
    "5.6-binary-is-no-utf8": (frame(BINARY, b"\xff\xfe"), [(BINARY, b"\xff\xfe")]),
    "8.1-character-over-two-fragments": (
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"\xac"),
        [(TEXT, "€".encode())],
    ),
    "8.1-every-length-of-character": (
        frame(TEXT, "a\u00e9€😀\x00".encode()),
        [(TEXT, "a\u00e9€😀\x00".encode())],
    ),
}

# Name: what is sent, the close code, and the frames that come before it.
BAD = {
    **{
        f"5.2-reserved-bits-{bits}": (frame(TEXT, b"a", rsv=bits), 1002)
        for bits in (1, 2, 4, 7)
    },
    "5.2-reserved-bit-of-a-ping": (frame(PING, b"a", rsv=4), 1002),
    "5.2-reserved-bit-of-a-close": (frame(CLOSE, close(1000), rsv=2), 1002),
    "5.2-reserved-bit-of-a-continuation": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", rsv=1),
        1002,
    ),
    **{
        f"5.2-reserved-opcode-{opcode:x}": (frame(opcode, b"a"), 1002)
        for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF)
    },
    **{
        f"5.2-length-{size}-in-{'16' if flag == 126 else '64'}-bits": (
            lengths(BINARY, flag, size, bytes(size)),
            1002,
        )
        for flag, size in (
            *((126, 0), (126, 125)),
            *((127, 0), (127, 125), (127, 126), (127, 65535)),
        )
    },
    "5.2-length-with-the-highest-bit": (lengths(BINARY, 127, 1 << 63), 1002),
    "5.2-one-byte-too-many": (frame(BINARY, bytes(MAX_SIZE + 1)), 1009),
    "5.2-a-terabyte-announced": (lengths(BINARY, 127, 1 << 40), 1009),
    **{
        f"5.1-no-mask-{opcode:x}": (frame(opcode, b"", mask=False), 1002)
        for opcode in (TEXT, BINARY, CLOSE, PING, PONG)
    },
    "5.4-continuation-of-nothing": (frame(CONTINUATION, b"a"), 1002),
    "5.4-continuation-after-the-end": (
        frame(TEXT, b"a", fin=False)
        + frame(CONTINUATION, b"b")
        + frame(CONTINUATION, b"c"),
        1002,
        [(TEXT, b"ab")],
    ),
    "5.4-text-inside-a-message": (
        frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
        1002,
    ),
    "5.4-binary-inside-a-message": (
        frame(TEXT, b"a", fin=False) + frame(BINARY, b"b", fin=False),
        1002,
    ),
    "5.4-fragments-beyond-the-limit": (
        frame(BINARY, bytes(MAX_SIZE), fin=False) + frame(CONTINUATION, b"x"),
        1009,
    ),
    **{
        f"5.5-fragmented-{opcode:x}": (frame(opcode, b"", fin=False), 1002)
        for opcode in (CLOSE, PING, PONG)
    },
    **{
        f"5.5-126-bytes-of-{opcode:x}": (frame(opcode, bytes(126)), 1002)
        for opcode in (CLOSE, PING, PONG)
    },
    "5.5.1-close-of-one-byte": (frame(CLOSE, b"\x03"), 1002),
    "5.5.1-reason-is-no-utf8": (frame(CLOSE, close(1000, b"\xff")), 1007),
    "5.5.1-reason-is-cut": (frame(CLOSE, close(1000, b"\xe2\x82")), 1007),
    **{
        f"7.4-close-with-{code}": (frame(CLOSE, close(code)), 1002)
        for code in (
            *(0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999),
            *(5000, 65535),
        )
    },
    "8.1-first-byte": (frame(TEXT, b"\xffabc"), 1007),
    "8.1-byte-in-the-middle": (frame(TEXT, b"ab\xffcd"), 1007),
    "8.1-last-byte": (frame(TEXT, b"abc\xff"), 1007),
    "8.1-character-cut": (frame(TEXT, b"ab\xe2\x82"), 1007),
    "8.1-longer-than-needed": (frame(TEXT, b"\xc0\xaf"), 1007),
    "8.1-surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "8.1-beyond-unicode": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "8.1-in-the-last-fragment": (
        frame(TEXT, b"ab", fin=False) + frame(CONTINUATION, b"\xff"),
        1007,
    ),
    "8.1-character-over-fragments": (
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"("),
        1007,
    ),
    "7.1.7-what-comes-behind-bad-text": (
        frame(TEXT, b"\xff") + frame(TEXT, b"late") + frame(PING, b"late"),
        1007,
    ),
    "7.1.7-what-comes-behind-a-reserved-bit": (
        frame(TEXT, b"a", rsv=4) + frame(TEXT, b"late") + frame(PING, b"late"),
        1002,
    ),
    "7.1.7-what-came-before-counts": (
        frame(TEXT, b"a") + frame(PING, b"p") + frame(3) + frame(TEXT, b"late"),
        1002,
        [(TEXT, b"a"), (PONG, b"p")],
    ),
}

# Close frames that are answered with themselves.
CLOSES = {
    "empty": b"",
    **{
        str(code): close(code)
        for code in (
            *(1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013),
            *(1014, 3000, 3999, 4000, 4999),
        )
    },
    "reason": close(1000, "bye €".encode()),
    "longest-reason": close(1000, b"x" * 123),
}


@pytest.fixture
async def echo():
    """What the server's application received."""
    return Echo()


@pytest.fixture
async def client(echo):
    """A client behind its handshake; messages of ``MAX_SIZE`` are allowed."""
    async with serving(echo, ws_max_size=MAX_SIZE) as served, joined(served) as client:
        yield client


async def has_nothing_more(client) -> bool:
    """Whether nothing comes before the answer to a ping."""
    await client.send(frame(PING, b"over"))
    return await client.frame() == (PONG, b"over")


@pytest.mark.parametrize("name", GOOD)
async def test_frames_that_are_right(client, echo, name):
    """Each message is echoed, each ping answered; the socket stays open."""
    data, expected = GOOD[name]

    await client.send(data)

    # An echo goes through the application, a pong does not.
    got = [await client.frame() for _ in expected]
    assert sorted(got) == sorted(expected)
    assert [one for one in got if one[0] != PONG] == [
        one for one in expected if one[0] != PONG
    ]
    assert await has_nothing_more(client)
    assert len(echo.messages) == sum(opcode != PONG for opcode, _ in expected)


@pytest.mark.parametrize("name", BAD)
async def test_frames_that_end_the_socket(client, echo, name):
    """The client and the application get the code; then nothing but the end."""
    data, code, *before = BAD[name]

    await client.send(data)
    got = []
    while (one := await client.frame())[0] != CLOSE:
        got.append(one)
    rest = await client.rest()

    assert int.from_bytes(one[1][:2], "big") == code
    assert rest == b""
    before = before[0] if before else []
    # The application's answers are too late.
    assert got == [one for one in before if one[0] == PONG]
    assert (await echo.ending())[0] == code
    assert echo.messages == [p.decode() for opcode, p in before if opcode == TEXT]


@pytest.mark.parametrize("name", CLOSES)
async def test_a_close_is_answered_with_itself(client, echo, name):
    """5.5.1: the same code and reason; the server ends the connection (7.1.1)."""
    payload = CLOSES[name]

    await client.send(frame(CLOSE, payload) + frame(TEXT, b"late"))

    assert await client.frame() == (CLOSE, payload)
    assert await client.rest() == b""
    code = int.from_bytes(payload[:2], "big") if payload else 1005
    assert await echo.ending() == (code, payload[2:].decode())
    assert echo.messages == []


@pytest.mark.parametrize(
    "data",
    [b"", frame(TEXT, b"hello")[:1], frame(TEXT, b"hello")[:8], frame(PING, b"x")],
    ids=["at-once", "in-a-head", "in-a-payload", "after-a-ping"],
)
async def test_half_a_connection_is_none(client, echo, data):
    """7.1.5: whoever ends his half without a close frame is gone: 1006."""
    await client.send(data)
    client.writer.write_eof()

    await client.rest()

    assert await echo.ending() == (1006, "")


async def test_half_a_connection_after_a_message(client, echo):
    """The message is heard, then the end."""
    await client.send(frame(TEXT, b"last words"))
    client.writer.write_eof()

    assert await echo.ending() == (1006, "")
    assert echo.messages == ["last words"]


async def test_half_a_connection_after_a_close(client, echo):
    """The close frame is answered all the same."""
    await client.send(frame(CLOSE, close(1000)))
    client.writer.write_eof()

    assert await client.frame() == (CLOSE, close(1000))
    assert await client.rest() == b""
    assert await echo.ending() == (1000, "")


async def test_a_connection_that_is_reset(client, echo):
    """7.1.5: 1006."""
    client.writer.transport.abort()

    assert await echo.ending() == (1006, "")


@pytest.mark.parametrize("how", ["accepts", "denies", "is no handshake"])
async def test_frames_in_one_piece_with_the_handshake(protocol, how):
    """With `http_upgrade` they are as early as any; uvicorn's HTTP class drops them."""
    echo = Echo()

    async def application(scope, receive, send):
        if how == "denies":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await echo(scope, receive, send)

    http = "partyrooms.server.http_upgrade:Protocol"
    async with (
        serving(application, protocol=protocol, http=http) as served,
        raw(served) as client,
    ):
        version = {"Sec_WebSocket_Version": "1" if how == "is no handshake" else "13"}
        request = client.handshake("/", **version)
        first, rest = frame(TEXT, b"a") + frame(TEXT, b"b")[:3], frame(TEXT, b"b")[3:]
        await client.send(request + first)
        status = (await client.response()).status
        await client.send(rest)
        if how == "accepts":
            assert await client.frame() == (TEXT, b"a")
            assert await client.frame() == (TEXT, b"b")
        else:
            await client.rest()

    assert (status == 101) == (how == "accepts")
    assert echo.messages == (["a", "b"] if how == "accepts" else [])


@pytest.mark.parametrize("http", ["httptools", "h11"])
@pytest.mark.parametrize("is_slow", [False, True], ids=["at-once", "later"])
async def test_frames_before_the_answer(http, is_slow):
    """4.1 forbids them; they are read behind the answer, in order, and none is lost."""
    go_on = asyncio.Event()
    echo = Echo()
    sockets = []

    async def application(scope, receive, send):
        sockets.append(scope["extensions"][EXTENSION])
        await go_on.wait()
        await echo(scope, receive, send)

    async with serving(application, http=http) as served, raw(served) as client:
        await client.send(client.handshake("/"))
        await served.until(lambda: sockets)
        await client.send(frame(PING, b"p") + frame(TEXT, b"a") + frame(TEXT, b"b")[:3])
        # What has come is kept, and no more of it read.
        await served.until(lambda: not sockets[0].is_reading)
        if not is_slow:
            go_on.set()
        await client.send(frame(TEXT, b"b")[3:] + frame(CLOSE, close(1000)))
        go_on.set()

        assert (await client.response()).status == 101
        assert await client.frame() == (PONG, b"p")
        await echo.ending()
        assert echo.messages == ["a", "b"]
