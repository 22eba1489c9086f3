"""Handshakes and HTTP requests that no honest client makes."""

import asyncio
import json
import os
import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.needs import need
from tests.servers.process import serve
from tests.servers.raw import raw, raw_request
from tests.servers.site.journal import note
from tests.servers.visitor import Room, visit

MIB = 1024 * 1024


class Strict(Room):
    """Notes whatever it hears."""

    async def on_start(self):
        note(self.id, "start")

    async def on_message(self, message, sender):
        note(self.id, "message")

    async def on_request(self, request):
        note(self.id, "request")
        return {"type": type(request.data).__name__}


GARBAGE = {
    "random": random.Random(7).randbytes(4096),  # noqa: S311
    "nul": bytes(1000),
    "tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no-http": b"HELO there\r\n\r\n",
    "endless-line": b"GET /" + b"a" * 200_000,
    "endless-headers": b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 50_000,
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_instead_of_a_handshake(server, bystander, name):
    """The server ends the connection, if at all with a 4xx; no room hears of it."""
    async with raw(server) as client:
        sending = asyncio.create_task(client.send(GARBAGE[name]))
        # Some garbage might go on: say that nothing more comes.
        await asyncio.wait([sending], timeout=5)
        with suppress(OSError):  # the server may have ended it already
            client.writer.write_eof()
        answer = await client.rest()
        await asyncio.gather(sending, return_exceptions=True)

    assert answer == b"" or answer.split(b" ")[1][:1] == b"4"
    assert await bystander.records() == []
    await bystander.has_not_noticed()


HANDSHAKES = {
    "no-key": {"Sec_WebSocket_Key": ""},
    "short-key": {"Sec_WebSocket_Key": "YQ=="},
    "key-no-base64": {"Sec_WebSocket_Key": "!" * 24},
    "version-0": {"Sec_WebSocket_Version": "0"},
    "version-none": {"Sec_WebSocket_Version": "abc"},
    "no-connection": {"Connection": "close"},
    "other-upgrade": {"Upgrade": "h2c"},
    "bad-subprotocols": {"Sec_WebSocket_Protocol": ",,,\x01"},
}


@pytest.mark.parametrize("name", HANDSHAKES)
async def test_a_handshake_that_is_none(define, server, kind, bystander, name):
    """It is refused, or answered as the HTTP request that it is; no socket opens."""
    room = await define(Strict)
    async with raw(server) as client:
        headers = HANDSHAKES[name]
        await client.send(client.handshake(room.target("alice"), **headers))
        response = await client.response()

    # Without Connection or Upgrade it is a request, though Daphne sees that only of
    # the latter.
    is_request = name == "other-upgrade" or (
        name == "no-connection" and kind != "daphne"
    )
    assert response.status == 200 if is_request else 400 <= response.status < 500
    assert ["message"] not in await room.notes()
    assert [c for c in await bystander.records() if " ERROR " in c] == []
    await bystander.has_not_noticed()


async def test_a_foreign_origin(define, server, bystander):
    """403, one log line that names the origin; the room is not started."""
    room = await define(Strict)
    response = await room.refusal("alice", origin="https://evil.example")

    assert response.status_code == 403
    assert b"Traceback" not in response.body
    assert await room.notes() == []
    (record,) = await bystander.records()
    assert "evil.example" in record
    await bystander.has_not_noticed()


async def test_an_unknown_party_and_a_bad_id(define, server, bystander):
    """404 and 400, one log line for each handshake."""
    room = await define(Strict)
    unknown = await room.visitor.refusal("/parties/nobody/lobby")
    bad = await room.visitor.refusal(f"/parties/{room.party}/a%00b")

    expected = [403, 403] if server.kind == "daphne" else [404, 400]
    assert [unknown.status_code, bad.status_code] == expected
    assert len(await bystander.records()) == 2
    await bystander.has_not_noticed()


BOMBS = {
    "arrays": b"[" * 500_000,
    "closed-arrays": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 150_000,
    "digits": b"9" * 900_000,
    "exponent": b"1e" + b"9" * 100_000,
    "keys": b'{"a":1,' * 100_000,
    "surrogates": b'"' + b"\\ud800" * 100_000 + b'"',
    "no-utf8": b'"\xff"',
    "infinity": b"[Infinity, NaN]",
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_json_bomb(define, server, bystander, name):
    """`request.data` is the client's fault (400) or some value; the room lives on."""
    room = await define(Strict)
    headers = {"Content-Type": "application/json"}
    response = await room.request("POST", content=BOMBS[name], headers=headers)

    assert response.status_code in (200, 400)
    assert "Traceback" not in response.text
    assert await bystander.records() == []
    assert await room.data() == {"type": "dict"}
    await bystander.has_not_noticed()


@pytest.mark.parametrize("name", ["arrays", "closed-arrays", "digits"])
async def test_a_json_bomb_in_a_message(define, server, bystander, name):
    """A hook that decodes it raises: one log line, and the socket stays open."""

    class Decoding(Room):
        async def on_message(self, message, sender):
            sender.send_json(json.loads(message))

    room = await define(Decoding)
    alice = await room.join("alice")
    await alice.send(BOMBS[name].decode())

    assert await alice.ask("1") == "1"
    assert len(await bystander.records()) == 1
    await bystander.has_not_noticed()


@pytest.mark.parametrize("way", ["announced", "chunked"])
async def test_a_body_of_100_mib(define, server, bystander, way):
    """413 before the room hears of it, whether its size is announced or not."""
    room = await define(Strict)
    chunk = bytes(MIB)
    async with raw(server) as client:
        if way == "announced":
            size = {"Content_Length": str(100 * MIB)}
        else:
            size = {"Transfer_Encoding": "chunked"}
            chunk = b"%x\r\n%s\r\n" % (len(chunk), chunk)

        async def upload():
            for _ in range(100):
                await client.send(chunk)
            if way == "chunked":
                await client.send(b"0\r\n\r\n")

        await client.send(client.head("POST", room.path, **size))
        sending = asyncio.create_task(upload())
        response = await client.response()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    assert response.status == 413
    assert await room.notes() == []
    await bystander.has_not_noticed()


def peak_memory(pid):
    """The most bytes that a process has had in memory at once."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmHWM")


async def test_h8_a_body_without_a_length_is_never_held_in_memory():
    """H8: of 200 MiB that a client sends on and on, the process has a few at most."""
    need(sys.platform == "linux", "/proc", "run it on Linux")
    piece = b"%x\r\n%s\r\n" % (MIB // 4, bytes(MIB // 4))
    async with serve("uvicorn") as server, visit(server) as visitor:
        room = await visitor.define(Strict)
        await room.data()
        before = peak_memory(server.pid)
        async with raw(server) as client:
            await client.send(
                client.head("POST", room.path, Transfer_Encoding="chunked")
            )
            asking = asyncio.create_task(client.response())
            with suppress(OSError):  # It may hang up on who does not listen.
                for _ in range(800):
                    await client.send(piece)
                await client.send(b"0\r\n\r\n")
            response = await asking
        grown = peak_memory(server.pid) - before

        assert response.status == 413
        assert [word for word, *_ in await room.notes()] == ["start", "request"]
        assert grown < 16 * MIB


async def test_a_body_that_never_comes(define, server, bystander):
    """A client that announces a body and leaves starts nothing."""
    room = await define(Strict)
    async with raw(server) as client:
        await client.send(client.head("POST", room.path, Content_Length="1000"))
        await client.send(b"x" * 10)
    await bystander.has_not_noticed()

    assert await room.notes() == []
    assert await bystander.records() == []


async def test_headers_that_lie_about_the_body(define, server, bystander):
    """A length that is no number is a 400, one beyond all limits a 413."""
    room = await define(Strict)
    # Daphne reads a body to its end, if it comes, before anyone is asked.
    beyond = [] if server.kind == "daphne" else ["9" * 23]
    for length in ["-1", "abc", "1e3", *beyond]:
        response = await raw_request(
            server, "POST", room.path, b"x", Content_Length=length
        )

        assert response.status in (400, 413), length
    assert await room.notes() == []
    await bystander.has_not_noticed()


async def test_a_flood_of_different_room_ids(define, server, bystander):
    """Refused ids leave nothing behind; each is answered."""
    room = await define(Strict)
    ids = [f"%{byte:02X}" for byte in [*range(0x20), 0x7F]] + [os.urandom(300).hex()]
    for bad in ids:
        response = await raw_request(server, "GET", f"/parties/{room.party}/{bad}")
        assert response.status == 400
    await bystander.has_not_noticed()
