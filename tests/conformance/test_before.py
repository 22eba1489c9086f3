"""SPEC 7: the hooks before the room, and what they add (B1, B2)."""

import asyncio

import pytest
from django.http import HttpResponse

from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room

VIAS = ["http", "websocket"]


@pytest.mark.parametrize("via", VIAS)
async def test_b1_hooks_see_the_request_after_the_middleware(define, visitor, via):
    """`request.user`, `.session` and what the project's own middleware added."""

    class Guarded(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            user = await request.auser()
            has_session = bool(request.session.session_key)
            note(lobby.room_id, "before", str(user), has_session, request.marked_by)

        on_before_connect = on_before_request

        async def on_request(self, request):
            return {}

    room = await define(Guarded)
    await visitor.login("ada")
    if via == "http":
        response = await room.request()
        assert response.headers["x-marked"] == "yes"
    else:
        await room.join("alice")

    assert await room.notes() == [["before", "ada", True, "middleware"]]


@pytest.mark.parametrize("via", VIAS)
async def test_b1_plain_functions_are_allowed(define, visitor, via):
    """They run in a thread and may ask the ORM."""

    class Guarded(Room):
        @classmethod
        def on_before_request(cls, request, lobby):
            note(lobby.room_id, "before", request.user.username)

        @classmethod
        def on_before_connect(cls, request, lobby):
            note(lobby.room_id, "before", request.user.username)

        async def on_request(self, request):
            return {}

    room = await define(Guarded)
    await visitor.login("ada")
    await (room.data() if via == "http" else room.join("alice"))

    assert await room.notes() == [["before", "ada"]]


async def test_b1_hooks_are_no_events_of_the_room(define):
    """They run in the web process while the room is busy."""

    class Guarded(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            if request.method == "DELETE":
                return HttpResponse(status=405)

        async def on_request(self, request):
            await gate(self.id)
            return {}

    room = await define(Guarded)
    asking = asyncio.create_task(room.data())
    await room.reached()

    assert (await room.request("DELETE")).status_code == 405
    await room.open_gate()
    assert await asking == {}


@pytest.mark.parametrize("returned", ["None", "request"])
async def test_b2_what_a_hook_adds_reaches_the_room(define, returned):
    """`META` as headers, `props` as they are; None or the request lets it pass."""

    class Guarded(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            request.META["HTTP_X_ROLE"] = "admin"
            request.META.pop("HTTP_X_TOKEN")
            request.props["from"] = ["the hook", lobby.room_id]
            return request if returned == "request" else None

        on_before_connect = on_before_request

        async def on_connect(self, connection, ctx):
            connection.send_json(self.seen(ctx.request, ctx.props))

        async def on_request(self, request):
            return self.seen(request, request.props)

        def seen(self, request, props):
            headers = request.headers
            return [headers["X-Role"], headers.get("X-Token"), dict(props)]

    room = await define(Guarded)
    headers = {"X-Role": "guest", "X-Token": "secret"}
    alice = await room.join("alice", headers=headers)

    expected = ["admin", None, {"from": ["the hook", room.room_id]}]
    assert await room.data(headers=headers) == expected
    assert await alice.receive_json() == expected


@pytest.mark.parametrize("hook", ["with", "without"])
async def test_b2_a_client_cannot_forge_props(define, hook):
    """No header, query or body becomes a prop, whether the class has hooks or not."""

    class Open(Room):
        async def on_connect(self, connection, ctx):
            connection.send_json(dict(ctx.props))

        async def on_request(self, request):
            return request.props

    class Guarded(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            request.props["own"] = True

        on_before_connect = on_before_request

        async def on_connect(self, connection, ctx):
            connection.send_json(dict(ctx.props))

        async def on_request(self, request):
            return request.props

    room = await define(Guarded if hook == "with" else Open)
    forged = '{"role": "admin", "own": false}'
    names = ("Props", "X-Props", "X-Partyrooms-Props", "X-PartyKit-Props")
    headers = dict.fromkeys(names, forged)
    query = dict.fromkeys(("props", "_props"), forged)
    alice = await room.join("alice", headers=headers, query=query)

    expected = {"own": True} if hook == "with" else {}
    assert await alice.receive_json() == expected
    asked = await room.data("POST", headers=headers, params=query, json={"props": 1})
    assert asked == expected


@pytest.mark.parametrize("props", ["{1, 2}", "[1]", "{'a': object()}", "None"])
async def test_b2_props_that_are_no_json(define, props):
    """A defect of the hook, which refuses."""

    class Guarded(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            request.props = eval(props)  # noqa: S307

        on_before_connect = on_before_request

        async def on_request(self, request):
            note(self.id, "request")

    room = await define(Guarded)
    alice = await room.join("alice")

    assert (await room.request()).status_code == 500
    assert (await alice.closed())[0] == 1011
    assert await room.notes() == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_b1_a_foreign_page_does_not_act_for_a_user(define, visitor, method):
    """B1, H2: with a session's cookie the token is checked before the hook."""

    class Guarded(Room):
        @classmethod
        def on_before_request(cls, request, lobby):
            note(lobby.room_id, "acted", str(request.user))

        async def on_request(self, request):
            return {"size": len(request.body)}

    room = await define(Guarded)
    user = await visitor.login("ada")
    foreign = {"Origin": "https://foreign.example"}

    forged = await room.request(method, headers=foreign)
    meant = await room.request(method, headers={"X-CSRFToken": user["csrf"]})

    assert (forged.status_code, meant.status_code) == (403, 200)
    assert await room.notes() == [["acted", "ada"]]


@pytest.mark.parametrize("via", VIAS)
async def test_b3_a_file_is_an_answer(define, on, via):
    """B3: in whole, over HTTP and, where a server can, in the handshake."""

    class Closed(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            from io import BytesIO  # the class runs in another process

            from django.http import FileResponse

            return FileResponse(BytesIO(b"a" * 100_000), status=410)

        on_before_connect = on_before_request

    room = await define(Closed)
    if via == "http":
        response = await room.request()
        assert (response.status_code, len(response.content)) == (410, 100_000)
        return
    response = await room.refusal("alice")
    got = (response.status_code, len(response.body))

    assert got[0] == on(uvicorn=410, daphne=403, instead="a bare 403")
    assert (got[1] == 100_000) == on(uvicorn=True, daphne=False, instead="a bare 403")
