"""SPEC W4: which room a path means."""

import unicodedata

import pytest

from partyrooms import parties
from tests.servers.raw import TEXT, frame, raw, raw_request
from tests.servers.visitor import Room

GOOD = {
    "lobby": "lobby",
    "a%20b": "a b",
    "a+b": "a+b",
    "a%2Bb": "a+b",
    "a%2520b": "a%20b",
    "%C3%89": "É",
    "E%CC%81": "E\N{COMBINING ACUTE ACCENT}",
    "%F0%9F%98%80": "\N{GRINNING FACE}",
    "...": "...",
    "a%2": "a%2",
    "a%zz": "a%zz",
    "a%3Fb%23c": "a?b#c",
    "a%3Bb:c@d&e=f,g!h*(i)'j~k-l_m": "a;b:c@d&e=f,g!h*(i)'j~k-l_m",
    "%E2%80%AE": "\N{RIGHT-TO-LEFT OVERRIDE}",
    "x" * 256: "x" * 256,
    "%C3%A9" * 128: "é" * 128,
}
BAD = {
    "empty": "",
    "slash": "a%2Fb",
    "lower-case-slash": "a%2fb",
    "nul": "%00",
    "newline": "a%0Ab",
    "delete": "a%7Fb",
    "c1-control": "a%C2%85b",
    "dot": ".",
    "dots": "..",
    "encoded-dots": "%2E%2e",
    "257-bytes": "x" * 257,
    "300-bytes": "x" * 300,
    "258-bytes-as-129-characters": "%C3%A9" * 129,
    "no-utf8": "%FF",
    "surrogate": "%ED%A0%80",
}


class Names(Room):
    """Says who it is, over HTTP and WebSocket."""

    async def on_message(self, message, sender):
        sender.send(self.id)

    async def on_request(self, request):
        if "stub" in request.query_params:
            other = await parties[self.party].get(request.data).fetch()
            return other.data
        return {"id": self.id}


@pytest.mark.parametrize("segment", GOOD, ids=lambda segment: segment[:12])
async def test_w4_a_room_id_is_decoded_once(define, server, segment):
    """Percent-decoded as UTF-8, 1 to 256 bytes, neither normalised nor cut."""
    room = await define(Names)
    target = f"/parties/{room.party}/{segment}"
    response = await raw_request(server, "GET", target)
    alice = await room.visitor.connect(target)

    assert response.status == 200
    assert room.other(GOOD[segment]).room_id == GOOD[segment]
    assert await room.other(GOOD[segment]).data() == {"id": GOOD[segment]}
    assert await alice.ask("who") == GOOD[segment]


@pytest.mark.parametrize("name", BAD)
async def test_w4_ids_that_no_room_has(define, server, name, on):
    """400, over HTTP and in the handshake."""
    room = await define(Names)
    target = f"/parties/{room.party}/{BAD[name]}"
    response = await raw_request(server, "GET", target)
    async with raw(server) as client:
        await client.send(client.handshake(target))
        refusal = await client.response()

    assert response.status == 400
    assert refusal.status == on(uvicorn=400, daphne=403)


async def test_w4_a_semicolon_is_a_character_like_any_other(define, server, on):
    """A semicolon in a path needs no encoding."""
    room = await define(Names)
    target = f"/parties/{room.party}/a;b"
    response = await raw_request(server, "GET", target)
    async with raw(server) as client:
        await client.join(target)
        await client.send(frame(TEXT, b"who"))
        answer = await client.frame()

    assert response.body == b'{"id":"a;b"}'
    instead = "cuts a handshake's path at a semicolon"
    name = on(uvicorn=b"a;b", daphne=b"a", instead=instead)
    assert answer == (TEXT, name)


async def test_w4_composed_and_decomposed_are_two_rooms(define):
    """`É` in NFC and in NFD differ."""
    room = await define(Names)
    composed = "\N{LATIN CAPITAL LETTER E WITH ACUTE}"
    decomposed = unicodedata.normalize("NFD", composed)

    assert await room.other(composed).data() == {"id": composed}
    assert await room.other(decomposed).data() == {"id": decomposed}


async def test_w4_url_and_stub_mean_the_same_room(define):
    """`a%20b` in a URL and `get("a b")` are one."""
    room = await define(Names)
    answer = await room.data("POST", params={"stub": "1"}, json="a b")

    assert answer == {"id": "a b"}


async def test_w4_a_slash_after_the_id_begins_the_path(define, server):
    """The id ends at the first slash that is not encoded."""

    class Look(Room):
        async def on_request(self, request):
            return [self.id, request.subpath]

    room = await define(Look)

    assert await room.data(path="/a/b") == [room.room_id, "/a/b"]
    assert (await room.data(path="/"))[0] == room.room_id
