"""SPEC 12: any ASGI server. A small part of the suite, on each that is known."""

import httpx
import pytest
from django.http import HttpResponse

from tests.deadline import DEADLINE
from tests.servers.process import serve
from tests.servers.site.journal import note
from tests.servers.visitor import Room, visit

KINDS = ("uvicorn", "sansio", "wsproto", "fast", "hypercorn", "granian", "daphne")


@pytest.fixture(params=KINDS)
def kind(request):
    """Which server; all those that the suite knows, instead of its usual ones."""
    return request.param


class Echo(Room):
    """Repeats what it hears; a client may ask to be closed."""

    subprotocols = ("chat",)

    async def on_message(self, message, sender):
        if message == "close":
            sender.close(4001, "as asked")
        else:
            sender.send(message)

    async def on_close(self, connection):
        note(self.id, "closed", connection.close_code, connection.was_clean)

    async def on_request(self, request):
        if request.subpath == "/stream":
            return self.lines()
        data = request.data if request.method == "POST" else None
        return {"method": request.method, "data": data}

    async def lines(self):
        for number in range(3):
            yield f"{number}\n"


@pytest.fixture
async def room(define):
    return await define(Echo)


@pytest.mark.parametrize("payload", ["é \N{GRINNING FACE}", b"\x00\xff", "x" * 500_000])
async def test_r12_a_frame_goes_in_and_out_unchanged(room, payload):
    """R12, R19: text, binary, and one larger than any buffer on its way."""
    alice = await room.join("alice", subprotocols=["chat"])

    assert await alice.ask(payload) == payload


async def test_r25_a_subprotocol_is_agreed_upon(room):
    """R25: the first of the class that the client offers, too."""
    alice = await room.join("alice", subprotocols=["other", "chat"])

    assert alice.subprotocol == "chat"


async def test_r33_the_room_closes_with_its_code(room, kind):
    """R33: the client sees code and reason; Daphne sends no reason."""
    alice = await room.join("alice")
    await alice.send("close")

    assert await alice.closed() == (4001, "" if kind == "daphne" else "as asked")


async def test_r13_the_room_hears_the_clients_code(room, kind):
    """R13: on_close has the code of the client's close frame; hypercorn hides it."""
    alice = await room.join("alice")
    await alice.ask("in")
    await alice.close(4002, "bye")

    (_, *end) = (await room.notes("closed"))[0]
    assert end == ([1006, False] if kind == "hypercorn" else [4002, True])


async def test_b3_a_handshake_is_denied_before_it_opens(define, kind):
    """B3: with status and body; Daphne knows 403 only."""

    class Locked(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            return HttpResponse("no such room", status=404)

    room = await define(Locked)
    denial = await room.refusal("alice")

    if kind == "daphne":
        assert denial.status_code == 403
    else:
        assert (denial.status_code, denial.body) == (404, b"no such room")


async def test_w9_a_foreign_origin_is_denied(room):
    """W9: with 403."""
    denial = await room.refusal("alice", origin="https://evil.example")

    assert denial.status_code == 403


async def test_h1_requests_are_answered(room):
    """H1: GET, POST with a body, and a stream."""
    asked = await room.data()
    posted = await room.data("POST", json={"a": [1]})
    streamed = await room.request("GET", "/stream")

    assert asked == {"method": "GET", "data": None}
    assert posted == {"method": "POST", "data": {"a": [1]}}
    assert streamed.text == "0\n1\n2\n"


async def test_r12_a_large_body_arrives_whole(room):
    """H1: in as many parts as the server likes."""
    posted = await room.data("POST", json="x" * 300_000)

    assert posted["data"] == "x" * 300_000


async def test_d4_a_restart_tells_clients_to_come_back(kind):
    """W7, D4: with 1012, before the server ends; Daphne and granian may cut them."""
    async with serve(kind) as server, visit(server) as visitor:
        room = await visitor.define(Echo)
        alice = await room.join("alice")
        await alice.ask("in")

        await server.terminate()

        code, _ = await alice.closed()
        allowed = {"daphne": {1006}, "granian": {1006, 1012}}
        assert code in allowed.get(kind, {1012})


async def test_h1_requests_are_answered_over_http_2(servers):
    """H1: by hypercorn, without TLS."""
    server = servers("hypercorn", "usual")
    async with (
        visit(server) as visitor,
        httpx.AsyncClient(
            **{"base_url": server.http_url, "timeout": DEADLINE, "trust_env": False},
            **{"http1": False, "http2": True},
        ) as client,
    ):
        room = await visitor.define(Echo)
        posted = await client.post(room.path, json={"a": [1]})
        streamed = await client.get(f"{room.path}/stream")

    assert posted.http_version == "HTTP/2"
    assert posted.json() == {"method": "POST", "data": {"a": [1]}}
    assert streamed.text == "0\n1\n2\n"
