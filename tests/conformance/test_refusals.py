"""SPEC 7: what keeps a client away from a room, and what does not (B3-B7)."""

import pytest
from django.http import HttpResponse, JsonResponse

from partyrooms import Reject, parties
from tests.servers.site.journal import note
from tests.servers.visitor import Room


async def test_b3_a_response_is_the_answer(define):
    """The room never hears of it; over HTTP and in the handshake."""

    class Closed(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            return JsonResponse({"why": "law"}, status=451, headers={"X-Why": "law"})

        async def on_start(self):
            note(self.id, "start")

        async def on_request(self, request):
            return {}

    room = await define(Closed)
    response = await room.request()

    assert response.status_code == 451
    assert response.headers["x-why"] == "law"
    assert response.json() == {"why": "law"}
    assert await room.notes() == []


async def test_b3_a_response_refuses_a_handshake(define, on):
    """Status, headers and body, where the server has ASGI's denial extension."""

    class Closed(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            return JsonResponse({"why": "law"}, status=451, headers={"X-Why": "law"})

        async def on_start(self):
            note(self.id, "start")

    room = await define(Closed)
    response = await room.refusal("alice")
    got = (response.status_code, response.headers.get("x-why"), response.body)

    assert got[0] == on(uvicorn=451, daphne=403, instead="a bare 403")
    assert got[1] == on(uvicorn="law", daphne=None, instead="a bare 403")
    body = b'{"why": "law"}'
    assert (got[2] == body) == on(uvicorn=True, daphne=False, instead="a bare 403")
    assert await room.notes() == []


@pytest.mark.parametrize("status", [200, 204, 302])
async def test_b3_any_response_refuses_a_handshake(define, on, status):
    """Also one that is no error, with its status; no socket opens."""

    class Moved(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            return HttpResponse(status=status)

    room = await define(Moved)
    response = await room.refusal("alice")

    expected = on(uvicorn=status, daphne=403, instead="a bare 403")
    assert response.status_code == expected


async def test_b4_reject(define, on):
    """A socket is accepted and closed with the code; HTTP gets 403 and the reason."""

    class Closed(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            raise Reject(code=4403, reason="not today")

        on_before_connect = on_before_request

        async def on_start(self):
            note(self.id, "start")

    room = await define(Closed)
    alice = await room.join("alice")
    shown = on(uvicorn="not today", daphne="", instead="the code without its reason")
    assert await alice.closed() == (4403, shown)
    response = await room.request()

    assert response.status_code == 403
    assert "not today" in str(response.json())
    assert await room.notes() == []


async def test_b4_reject_has_a_default_code(define):
    """4401."""

    class Closed(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            raise Reject

    room = await define(Closed)
    alice = await room.join("alice")

    assert (await alice.closed())[0] == 4401


@pytest.mark.parametrize("defect", ["raise", "True", "'text'", "{}", "404"])
async def test_b5_never_open_by_accident(define, server, defect):
    """An exception or a strange return value: 500 and 1011, logged, no details."""

    class Broken(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            if defect == "raise":
                raise RuntimeError("only for the log")
            return eval(defect)  # noqa: S307

        on_before_connect = on_before_request

        async def on_start(self):
            note(self.id, "start")

        async def on_request(self, request):
            return {}

    room = await define(Broken)
    since = len(server.log)
    alice = await room.join("alice")
    code, reason = await alice.closed()
    response = await room.request()

    assert code == 1011
    assert response.status_code == 500
    assert "only for the log" not in response.text + reason
    assert await room.notes() == []
    log = await room.visitor.whole_log(since)
    records = [line for line in log if line.startswith("record ")]
    assert len([line for line in records if room.key in line]) == 2


async def test_b6_the_lobby(define):
    """`party`, `room_id`, `parties`: a way to every other room."""

    class Asking(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            counter = lobby.parties["counter"].get(f"of {lobby.room_id}")
            counted = await counter.fetch(method="POST")
            request.props["lobby"] = [lobby.party, lobby.room_id, counted.data]

        async def on_request(self, request):
            return request.props["lobby"]

    room = await define(Asking)

    assert await room.data() == [room.party, room.room_id, {"count": 1}]
    assert await room.data() == [room.party, room.room_id, {"count": 2}]


async def test_b7_stub_calls_bypass_the_hooks(define):
    """They are for requests that reach a room by URL."""

    class Closed(Room):
        @classmethod
        async def on_before_request(cls, request, lobby):
            raise Reject

        async def on_request(self, request):
            return {"props": request.props, "user": str(request.user)}

    closed = await define(Closed)
    party = closed.party

    class Asking(Room):
        async def on_request(self, request):
            return (await parties[party].get(self.id).fetch()).data

    room = await define(Asking)

    assert (await closed.request()).status_code == 403
    assert await room.data() == {"props": {}, "user": "AnonymousUser"}
