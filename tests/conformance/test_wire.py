"""SPEC 9: what goes over the wire (W1-W3, W6-W8, W10, W12)."""

import asyncio
import inspect
import re
from pathlib import Path

import pytest
import uvicorn
from daphne.cli import CommandLineInterface

from tests.servers import raw as frames
from tests.servers.process import serve
from tests.servers.raw import raw
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room, visit

ROOT = Path(__file__).resolve().parents[2]


class Echo(Room):
    """Sends back what it hears."""

    async def on_message(self, message, sender):
        sender.send(message)

    async def on_close(self, connection):
        note(self.id, "close", connection.id, connection.close_code)


@pytest.mark.parametrize(
    "target",
    [
        "/party/lobby",
        "/party/lobby/",
        "/parties/main/lobby",
        "/parties/main/lobby/a/b?_pk=alice&x=1",
    ],
)
async def test_w1_urls(visitor, target):
    """`/party/<room>` and `/parties/<party>/<room>[/<path>]`, with any query."""
    alice = await visitor.connect(target)

    assert await alice.ask("hi") == "hi"


async def test_w1_the_url_of_partysocket(visitor):
    """What `new PartySocket({host, room, party})` opens, and fetches, works."""
    uuid = "0e3d9f5e-5b3a-4d5c-9f3e-0a1b2c3d4e5f"
    alice = await visitor.connect(f"/parties/main/lobby?_pk={uuid}")
    fetched = await visitor.http.get("/parties/main/lobby?")

    assert await alice.ask("hi") == "hi"
    assert fetched.json()["room"] == "lobby"


@pytest.mark.parametrize("target", ["/", "/elsewhere", "/partys/lobby", "/party"])
async def test_w1_other_urls_are_no_rooms(visitor, on, target):
    """A WebSocket to anywhere else is refused with 404."""
    response = await visitor.refusal(target)

    assert response.status_code == on(uvicorn=404, daphne=403)


async def test_w1_an_unknown_party(visitor, on):
    """404; the answer is JSON."""
    response = await visitor.refusal("/parties/nobody/lobby")

    assert response.status_code == on(uvicorn=404, daphne=403)


async def test_w2_the_connection_id_is_chosen_by_the_client(define):
    """Query `_pk`, 1 to 128 printable ASCII characters."""

    class Look(Room):
        async def on_connect(self, connection, ctx):
            connection.send(connection.id)

    room = await define(Look)
    for name in ("a", "x" * 128, "a b", "~!@#$%^&*()", '"<>\\'):
        alice = await room.join(name)
        assert await alice.receive() == name


@pytest.mark.parametrize("name", ["x" * 129, "é", "a\x00", "a\nb", "\x7f"], ids=ascii)
async def test_w2_ids_that_no_connection_has(define, on, name):
    """400 before the room hears of it."""

    class Look(Room):
        async def on_start(self):
            note(self.id, "start")

    room = await define(Look)
    response = await room.refusal(name)

    assert response.status_code == on(uvicorn=400, daphne=403)
    assert await room.notes() == []


async def test_w2_without_an_id_the_server_makes_one(define):
    """Unguessable, and different each time."""

    class Look(Room):
        async def on_connect(self, connection, ctx):
            connection.send(connection.id)

    room = await define(Look)
    names = [await (await room.join()).receive() for _ in range(20)]

    assert len(set(names)) == 20
    assert all(re.fullmatch(r"[!-~]{16,128}", name) for name in names)


async def test_w3_frames_carry_the_payload_only(define, visitor):
    """No hello, no envelope: the first bytes are what the room sent first."""

    room = await define(Echo)
    async with raw(visitor.server) as client:
        await client.join(room.target("alice"))
        await client.send(frames.frame(frames.TEXT, b'{"a":1}'))
        assert await client.frame() == (frames.TEXT, b'{"a":1}')
        await client.send(frames.frame(frames.BINARY, b"\x00\xff"))
        assert await client.frame() == (frames.BINARY, b"\x00\xff")
        await client.send(frames.frame(frames.PING, b"are you there"))
        assert await client.frame() == (frames.PONG, b"are you there")


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "going"), (3000, "é"), (4999, "x" * 123)]
)
async def test_w6_a_close_is_answered(define, visitor, on, code, reason):
    """With the same code and reason; the TCP connection ends."""
    room = await define(Echo)
    payload = code.to_bytes(2, "big") + reason.encode()
    async with raw(visitor.server) as client:
        await client.join(room.target("alice"))
        await client.send(frames.frame(frames.CLOSE, payload))

        bare = (1000).to_bytes(2, "big")
        answer = on(uvicorn=payload, daphne=bare, instead="answered with 1000")
        assert await client.frame() == (frames.CLOSE, answer)
        assert await client.rest() == b""
    assert await room.notes(until="close") == [["close", "alice", code]]


async def test_w6_a_close_without_a_code_is_answered(define, visitor):
    """With an empty close frame, or one that says 1000."""
    room = await define(Echo)
    async with raw(visitor.server) as client:
        await client.join(room.target("alice"))
        await client.send(frames.frame(frames.CLOSE))
        opcode, payload = await client.frame()

    assert opcode == frames.CLOSE
    assert payload[:2] in (b"", (1000).to_bytes(2, "big"))
    assert len(await room.notes(until="close")) == 1


async def test_w7_a_server_that_goes_away_says_so(kind, on):
    """1012: come back."""
    async with serve(kind) as server, visit(server) as visitor:
        alice = await visitor.room("main").join("alice")
        assert await alice.ask("hi") == "hi"
        await server.terminate()

        code, _ = await alice.closed()
    assert code == on(
        uvicorn=1012, daphne=1006, instead="the TCP connection ends without a code"
    )


async def test_w8_a_silent_client_is_closed(kind):
    """The server pings; who does not answer is closed, and the room hears of it."""
    arguments = ("--ws-ping-interval", "0.5", "--ws-ping-timeout", "0.5")
    if kind == "daphne":
        arguments = ("--ping-interval", "1", "--ping-timeout", "1")
    async with serve(kind, arguments=arguments) as server, visit(server) as visitor:
        room = await visitor.define(Echo)
        async with raw(server) as client:
            await client.join(room.target("alice"))
            assert (await client.any_frame())[0] == frames.PING
            await client.close_code()

            notes = await room.notes(until="close")
    assert [n[:2] for n in notes] == [["close", "alice"]]


def test_w8_the_times_of_both_servers_are_short_enough():
    """With their defaults, both close a silent client within 60 s."""
    defaults = inspect.signature(uvicorn.Config).parameters
    pings = [defaults[f"ws_ping_{name}"].default for name in ("interval", "timeout")]
    daphne = CommandLineInterface().parser.parse_args(["application"])

    assert sum(pings) <= 60
    # Daphne looks every two seconds.
    assert daphne.ping_interval + daphne.ping_timeout + 2 * 2 <= 60


async def test_w10_a_handshake_is_answered_in_time(hasty, on):
    """A room that does not answer within `CONNECT_TIMEOUT`: 503."""

    class Slow(Room):
        async def on_start(self):
            if self.id != "quick":
                await gate(self.id)

        async def on_message(self, message, sender):
            sender.send(message)

    room = await hasty.define(Slow)
    waiting = [asyncio.create_task(room.refusal(f"client-{n}")) for n in range(3)]
    responses = await asyncio.gather(*waiting)
    await room.open_gate()

    assert [r.status_code for r in responses] == [on(uvicorn=503, daphne=403)] * 3
    alice = await room.other("quick").join("alice")
    assert await alice.ask("hi") == "hi"


async def test_w10_a_slow_hook_before_the_room(hasty, on):
    """The time counts from the client's request on."""

    class Guarded(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            await gate(f"never-{lobby.room_id}")

    room = await hasty.define(Guarded)
    response = await room.refusal("alice")

    assert response.status_code == on(uvicorn=503, daphne=403)


async def test_w12_compression_is_off(define):
    """A client that offers per-message deflate does not get it."""
    room = await define(Echo)
    alice = await room.join("alice", compression="deflate")

    assert alice.response.headers.get("Sec-WebSocket-Extensions") is None
    assert await alice.ask("hi") == "hi"


def test_w12_the_documented_commands_switch_it_off():
    """Every uvicorn command in the docs; how to turn it on is described."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    texts = [page.read_text("utf-8").replace("\\\n", " ") for page in pages]
    commands = [
        line
        for text in texts
        for line in text.splitlines()
        if re.match(r"\s*(\$ )?(\S*/)?uvicorn \S*:", line)
    ]

    assert commands
    assert [c for c in commands if "--ws-per-message-deflate false" not in c] == []
    assert any("leave `--ws-per-message-deflate false` out" in text for text in texts)
