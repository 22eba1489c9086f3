"""SPEC 6: HTTP requests to rooms, and their answers (H1-H4)."""

import pytest
from django.http import HttpResponse
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from tests.servers.process import serve
from tests.servers.site.journal import note
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
