"""Frames that no honest client sends: the one socket ends, nothing else happens."""

import asyncio
import struct

import pytest

from tests.servers.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    frame,
    raw,
)
from tests.servers.site.journal import note
from tests.servers.visitor import Room

MIB = 1024 * 1024


class Echo(Room):
    """Sends back what it hears; notes what it should not hear, and the end."""

    async def on_message(self, message, sender):
        note(self.id, "message", len(message))
        sender.send(message)

    async def on_close(self, connection):
        note(self.id, "close", connection.id)


# What is sent, and the code that RFC 6455 has for it.
BROKEN = {
    "no-utf8": (frame(TEXT, b"\xff\xfe"), 1007),
    "no-utf8-over-two-frames": (
        frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"("),
        1007,
    ),
    "no-mask": (frame(TEXT, b"hi", mask=False), 1002),
    "reserved-bit": (frame(TEXT, b"hi", rsv=4), 1002),
    "reserved-opcode": (frame(0x3, b"hi"), 1002),
    "reserved-control-opcode": (frame(0xB, b"hi"), 1002),
    "ping-in-fragments": (frame(PING, b"hi", fin=False), 1002),
    "ping-too-long": (frame(PING, b"x" * 126), 1002),
    "continuation-of-nothing": (frame(CONTINUATION, b"x"), 1002),
    "two-messages-mixed": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "close-of-one-byte": (frame(CLOSE, b"\x03"), 1002),
    "close-with-1005": (frame(CLOSE, b"\x03\xed"), 1002),
    "close-with-65535": (frame(CLOSE, b"\xff\xff"), 1002),
    "close-reason-no-utf8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "a-terabyte-announced": (b"\x82\xff" + struct.pack("!Q", 1 << 40) + bytes(4), 1009),
    "a-length-of-64-bits": (b"\x82\xff" + struct.pack("!Q", 1 << 63) + bytes(4), 1009),
    "2-mib": (frame(BINARY, bytes(2 * MIB)), 1009),
    "17-mib": (frame(BINARY, bytes(17 * MIB)), 1009),
    "fragments-without-end": (
        frame(BINARY, bytes(MIB), fin=False)
        + frame(CONTINUATION, bytes(MIB), fin=False) * 17,
        1009,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_frame_ends_its_socket(define, server, bystander, name):
    """With the protocol's code (Daphne: without); the room hears of the end only."""
    data, code = BROKEN[name]
    if name == "a-length-of-64-bits" and server.kind == "fast":
        code = 1002  # RFC 6455, 5.2: it is no length; uvicorn takes it for one
    room = await define(Echo)
    async with raw(server) as client:
        await client.join(room.target("alice"))
        sending = asyncio.create_task(client.send(data))
        got = await client.close_code()
        # A server that has seen enough does not read the rest.
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    assert got == (None if server.kind == "daphne" else code)
    assert await room.notes(until="close") == [["close", "alice"]]
    # What is too big is partyrooms' decision; the rest is the server's.
    too_big = name == "2-mib" and server.kind != "daphne"
    assert len(await bystander.records()) == int(too_big)
    await bystander.has_not_noticed()


async def test_a_message_in_very_many_fragments(define, server, bystander):
    """Is one message like any other."""
    room = await define(Echo)
    parts = [frame(TEXT, b"a", fin=False)]
    parts += [frame(CONTINUATION, b"b", fin=False)] * 20_000
    parts += [frame(CONTINUATION, b"c")]
    async with raw(server) as client:
        await client.join(room.target("alice"))
        await client.send(b"".join(parts))

        assert await client.frame() == (TEXT, b"a" + b"b" * 20_000 + b"c")
    assert await bystander.records() == []
    await bystander.has_not_noticed()


async def test_pings_do_not_reach_the_room(define, server, bystander):
    """However many; a message behind them is answered."""
    room = await define(Echo)
    async with raw(server) as client:
        await client.join(room.target("alice"))
        await client.send(frame(PING, b"ping") * 2000 + frame(TEXT, b"hi"))
        while (got := await client.frame())[0] != TEXT:
            pass

    assert got == (TEXT, b"hi")
    assert (await room.notes(until="close"))[0] == ["message", 2]
    await bystander.has_not_noticed()


async def test_frames_behind_a_close_frame_are_ignored(define, server, bystander):
    """The room hears nothing after the end."""
    room = await define(Echo)
    async with raw(server) as client:
        await client.join(room.target("alice"))
        late = frame(TEXT, b"late") * 10
        await client.send(frame(CLOSE, b"\x03\xe8") + late)
        await client.close_code()

    assert await room.notes(until="close") == [["close", "alice"]]
    assert await bystander.records() == []
    await bystander.has_not_noticed()
