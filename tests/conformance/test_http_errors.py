"""SPEC 6: HTTP requests that fail, are refused or given up (H5-H8)."""

import asyncio

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework.exceptions import APIException, NotFound

from tests.servers.database import execute
from tests.servers.process import serve
from tests.servers.raw import raw, raw_request
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room, visit


@pytest.mark.parametrize(
    ("name", "status"),
    [("NotFound", 404), ("Http404", 404), ("Denied", 403), ("API", 418)],
)
async def test_h5_exceptions_with_a_status(define, name, status):
    """DRF's `APIException`, Django's `Http404` and `PermissionDenied` mean theirs."""

    class Raising(Room):
        async def on_request(self, request):
            self.storage.put("stored", True)
            if request.subpath == "/look":
                return await self.storage.get("found", "nothing")
            self.storage.put("found", True)
            if name == "NotFound":
                raise NotFound("no such thing")
            if name == "Http404":
                raise Http404
            if name == "Denied":
                raise PermissionDenied
            error = APIException("a teapot")
            error.status_code = 418
            raise error

    room = await define(Raising)
    response = await room.request()

    assert response.status_code == status
    assert response.headers["content-type"].startswith("application/json")
    assert (await room.request(path="/look")).text == "nothing"


@pytest.mark.parametrize("debug", [False, True])
async def test_h5_no_traceback_in_the_body(kind, server, debug):
    """Any other exception is a 500 without details, `DEBUG` or not."""

    class Raising(Room):
        async def on_request(self, request):
            raise RuntimeError("only for the log")

    async with serve(kind, settings={"DEBUG": debug}) as other, visit(other) as visitor:
        room = await visitor.define(Raising)
        response = await room.request()
        browser = await room.request(headers={"Accept": "text/html"})
        line = await other.wait_for_log(f"{room.key}.*only for the log")

    assert response.status_code == browser.status_code == 500
    for text in (response.text, browser.text):
        assert "only for the log" not in text
        assert "Traceback (most recent" not in text
    assert "Traceback" in line


async def test_h6_an_unknown_party(visitor, server):
    """404 as JSON, without starting anything."""
    for path in ("/parties/nobody/lobby", "/parties/No%20Body/lobby"):
        response = await visitor.http.get(path)

        assert response.status_code == 404
        assert response.headers["content-type"].startswith("application/json")
    rows = "SELECT party FROM partyrooms_roomrecord WHERE lower(party) LIKE 'no%body'"
    assert execute(server.database, rows) == []


async def test_h6_a_bad_room_id(define, server):
    """400 as JSON, without starting anything."""

    class Strict(Room):
        async def on_start(self):
            note(self.party, "start")

    room = await define(Strict)
    for bad in ("%00", "a%2Fb", "%2E%2E", "x" * 257, "%FF", "a%0Ab"):
        response = await raw_request(server, "GET", f"/parties/{room.party}/{bad}")

        assert response.status == 400, bad
        assert response.headers["content-type"].startswith("application/json")
    assert await room.visitor.notes(room.party) == []
    rows = "SELECT room_id FROM partyrooms_roomrecord WHERE party = ?"
    assert execute(server.database, rows, room.party) == []


async def test_h7_a_client_that_goes_away_cancels_nothing(define, server):
    """What the room has begun it ends, and what it stores stays."""

    class Slow(Room):
        async def on_request(self, request):
            if request.method == "GET":
                return await self.storage.get("done", "no")
            await gate(self.id)
            self.storage.put("done", "yes")
            note(self.id, "done")

    room = await define(Slow)
    async with raw(server) as client:
        await client.send(client.head("POST", room.path, Content_Length="0"))
        await room.reached()
    await room.open_gate()
    await room.notes(until="done")

    assert (await room.request()).text == "yes"


async def test_h8_a_body_over_the_limit(define):
    """1 MiB by default; more is a 413 before the room hears of it."""

    class Weighing(Room):
        async def on_request(self, request):
            note(self.id, "request")
            return {"size": len(request.body)}

    room = await define(Weighing)
    size = 1024 * 1024
    response = await room.request("POST", content=b"x" * (size + 1))

    assert response.status_code == 413
    assert await room.notes() == []
    assert await room.data("POST", content=b"x" * size) == {"size": size}


async def test_h8_a_body_whose_size_is_not_said(tight):
    """A chunked body is counted as it comes."""

    class Weighing(Room):
        async def on_request(self, request):
            note(self.id, "request")
            return {"size": len(request.body)}

    async def chunks(count):
        for _ in range(count):
            yield b"x" * 500
            await asyncio.sleep(0)

    room = await tight.define(Weighing)
    assert await room.data("POST", content=chunks(4)) == {"size": 2000}
    response = await room.request("POST", content=chunks(5))

    assert response.status_code == 413
    assert await room.notes() == [["request"]]
