"""SPEC 6: HTTP requests to rooms (H1-H8)."""

import asyncio

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from tests.servers.database import execute
from tests.servers.process import serve
from tests.servers.raw import raw, raw_request
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room, visit

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
async def test_h1_party_urls(visitor, method):
    """`/party/<room>` is `main`; `/parties/<party>/<room>`; any further path."""
    for path, subpath in [
        ("/party/lobby", ""),
        ("/party/lobby/a/b", "/a/b"),
        ("/parties/main/lobby", ""),
        ("/parties/main/lobby/a/b", "/a/b"),
    ]:
        response = await visitor.http.request(method, f"{path}?x=1")

        assert response.json() == {
            "party": "main",
            "room": "lobby",
            "method": method,
            "path": path,
            "subpath": subpath,
            "query": {"x": "1"},
        }


async def test_h1_head(define):
    """A HEAD reaches the room; its answer has no body."""

    class Answering(Room):
        async def on_request(self, request):
            note(self.id, "method", request.method)
            return {"a": 1}

    room = await define(Answering)
    response = await room.request("HEAD")

    assert (response.status_code, response.content) == (200, b"")
    assert await room.notes() == [["method", "HEAD"]]


async def test_h1_the_urls_may_have_a_prefix(kind):
    """`path("api/", include("partyrooms.urls"))`, for both HTTP and WebSocket."""
    async with (
        serve(kind, settings={"ROOMS_PREFIX": "api/"}) as server,
        visit(server) as visitor,
    ):
        response = await visitor.http.get("/api/party/a%20b/c%2Fd")
        alice = await visitor.connect("/api/party/a%20b?_pk=alice")
        answer = await alice.ask("hi")
        without = await visitor.http.get("/party/lobby")

    assert response.json()["room"] == "a b"
    assert response.json()["path"] == "/api/party/a b/c/d"
    assert answer == "hi"
    assert without.status_code == 404


async def test_h2_session_authentication_enforces_csrf(define, visitor):
    """A POST with a session needs the token, as everywhere in Django."""

    class Members(Room):
        permission_classes = (IsAuthenticated,)

        async def on_request(self, request):
            return {"user": str(request.user)}

    room = await define(Members)
    assert (await room.request()).status_code == 403
    user = await visitor.login("ada")

    assert await room.data() == {"user": "ada"}
    assert (await room.request("POST")).status_code == 403
    token = {"X-CSRFToken": user["csrf"]}
    assert await room.data("POST", headers=token) == {"user": "ada"}


async def test_h2_a_browser_sees_the_browsable_api(define):
    """HTML for who asks for HTML, JSON for the others."""

    class Answering(Room):
        async def on_request(self, request):
            return {"text": "<b>hi</b>"}

    room = await define(Answering)
    page = await room.request(headers={"Accept": "text/html,*/*;q=0.8"})

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "&lt;b&gt;hi&lt;/b&gt;" in page.text
    assert "Django REST framework" in page.text
    response = await room.request()
    assert response.headers["content-type"].startswith("application/json")


async def test_h3_the_request_is_that_of_rest_framework(define, visitor):
    """Wherever the room runs; `subpath` is what follows the room id."""

    class Look(Room):
        async def on_request(self, request):
            return {
                "method": request.method,
                "path": request.path,
                "query": request.query_params.getlist("q"),
                "data": request.data,
                "body": request.body.decode(),
                "header": request.headers["X-Word"],
                "user": str(request.user),
                "user_id": request.user_id,
                "props": request.props,
                "subpath": request.subpath,
            }

    room = await define(Look)
    user = await visitor.login("ada")
    seen = await room.data(
        "PUT",
        "/deep/er",
        params={"q": ["1", "2"]},
        json={"a": [1]},
        headers={"X-Word": "hello", "X-CSRFToken": user["csrf"]},
    )

    assert seen == {
        "method": "PUT",
        "path": f"{room.path}/deep/er",
        "query": ["1", "2"],
        "data": {"a": [1]},
        "body": '{"a":[1]}',
        "header": "hello",
        "user": "ada",
        "user_id": user["id"],
        "props": {},
        "subpath": "/deep/er",
    }


async def test_h3_a_malformed_body_is_the_fault_of_the_client(define):
    """`request.data` raises DRF's `ParseError`: 400."""

    class Parsing(Room):
        async def on_request(self, request):
            return request.data

    room = await define(Parsing)
    headers = {"Content-Type": "application/json"}
    response = await room.request("POST", content=b'{"a":', headers=headers)

    assert response.status_code == 400


async def test_h4_what_on_request_may_return(define):
    """`Response`, `HttpResponse`, `dict`, `list`, `str`, `bytes`, None."""

    class Answering(Room):
        async def on_request(self, request):
            return {
                "/response": Response({"a": 1}, status=201, headers={"X-Own": "yes"}),
                "/django": HttpResponse("<p>", content_type="text/html", status=202),
                "/dict": {"a": 1},
                "/list": [1, "é"],
                "/str": "é",
                "/bytes": b"\x00\xff",
                "/none": None,
            }[request.subpath]

    room = await define(Answering)
    expected = {
        "/response": (201, "application/json", b'{"a":1}'),
        "/django": (202, "text/html", b"<p>"),
        "/dict": (200, "application/json", b'{"a":1}'),
        "/list": (200, "application/json", '[1,"é"]'.encode()),
        "/str": (200, "text/plain; charset=utf-8", "é".encode()),
        "/bytes": (200, "application/octet-stream", b"\x00\xff"),
        "/none": (204, None, b""),
    }
    for path, (status, content_type, content) in expected.items():
        response = await room.request(path=path)
        got = response.headers.get("content-type")

        assert (response.status_code, got, response.content) == (
            status,
            content_type,
            content,
        )
    response = await room.request(path="/response")
    assert response.headers["x-own"] == "yes"


@pytest.mark.parametrize("value", ["object()", "7", "{1, 2}", "{'a': object()}"])
async def test_h4_anything_else_is_a_defect(define, server, value):
    """500, and a log line that lists what is allowed."""

    class Answering(Room):
        async def on_request(self, request):
            return eval(value)  # noqa: S307

    room = await define(Answering)
    response = await room.request()

    assert response.status_code == 500
    line = await server.wait_for_log(f"{room.key}")
    assert "TypeError" in line


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
