"""SPEC 7: what belongs to no room, answered by the party `main` (B8, B9)."""

import asyncio

import pytest
from django.http import Http404, HttpResponse

from partyrooms import Reject, parties
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room


async def test_b8_on_fetch_answers_what_no_url_matched(define, visitor):
    """Any method; after `MIDDLEWARE`; with a way to every room."""

    class Static(Room):
        @classmethod
        async def on_fetch(cls, request, lobby):
            user = await request.auser()
            room = lobby.parties["counter"].get("of-on-fetch")
            counted = await room.fetch(method="POST")
            return {
                "method": request.method,
                "path": request.path,
                "query": request.GET.dict(),
                "user": str(user),
                "marked": request.marked_by,
                "lobby": [lobby.party, lobby.room_id],
                "counted": counted.data["count"] > 0,
            }

    static = await define(Static)
    login = await visitor.login("ada")
    path = f"/{static.party}/deep/path"
    answers = [
        await visitor.http.request(
            method, path, params={"q": "1"}, headers={"X-CSRFToken": login["csrf"]}
        )
        for method in ("GET", "POST", "DELETE")
    ]

    assert [one.json()["method"] for one in answers] == ["GET", "POST", "DELETE"]
    assert answers[0].headers["x-marked"] == "yes"
    answer = answers[0].json()
    del answer["method"]
    assert answer == {
        "path": path,
        "query": {"q": "1"},
        "user": "ada",
        "marked": "middleware",
        "lobby": ["main", ""],
        "counted": True,
    }


async def test_b8_none_leaves_djangos_404(define, visitor):
    """As where there is no hook; `Http404` means the same."""

    class Static(Room):
        @classmethod
        async def on_fetch(cls, request, lobby):
            note(cls.party, "asked")
            if "raise" in request.GET:
                raise Http404

    static = await define(Static)
    none = await visitor.http.get(f"/{static.party}/x")
    raised = await visitor.http.get(f"/{static.party}/x?raise")
    nobody = await visitor.http.get("/nobody/x")

    assert [none.status_code, raised.status_code, nobody.status_code] == [404] * 3
    assert none.content == raised.content == nobody.content
    assert await visitor.notes(static.party) == [["asked"]] * 2


async def test_b8_urls_of_the_project_are_not_its_own(define, visitor):
    """Whatever their views answer, rooms' URLs included."""

    class Static(Room):
        @classmethod
        async def on_fetch(cls, request, lobby):
            note(cls.party, "asked", request.path)

        @classmethod
        def on_before_request(cls, request, lobby):
            return HttpResponse(status=404)

    static = await define(Static)
    answers = [
        await visitor.http.get(f"/parties/{static.party}/a"),
        await visitor.http.get("/parties/nobody/a"),
        await visitor.http.get("/party/%00"),
    ]

    assert [one.status_code for one in answers] == [404, 404, 400]
    assert await visitor.notes(static.party) == []


async def test_b8_a_defect_is_500(define, visitor, server):
    """And in the log; a plain function, a rejection."""

    class Static(Room):
        @classmethod
        def on_fetch(cls, request, lobby):
            if request.path.endswith("reject"):
                raise Reject(4401, "not you")
            raise RuntimeError("only for the log")

    static = await define(Static)
    failed = await visitor.http.get(f"/{static.party}/fail")
    rejected = await visitor.http.get(f"/{static.party}/reject")

    assert (rejected.status_code, rejected.json()) == (403, {"detail": "not you"})
    assert failed.status_code == 500
    assert "only for the log" not in failed.text
    await server.wait_for_log("RuntimeError: only for the log")


async def test_b9_on_socket_gets_what_leads_to_no_room(define, visitor):
    """`accept`, `receive`, `send`, `close`; after `MIDDLEWARE`; with every room."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            await socket.accept()
            user = socket.request.user  # loaded, without a query here
            await socket.send(f"{user} {socket.request.marked_by} {lobby.party}")
            await socket.send(repr(await socket.receive()))
            await socket.send(repr(await socket.receive()))
            room = lobby.parties["counter"].get("of-on-socket")
            await socket.send(str((await room.fetch()).status_code))
            await socket.close(4003, "as asked")

    sockets = await define(Sockets)
    await visitor.login("ada")
    alice = await visitor.connect(f"/{sockets.party}/any?x=1")
    greeting = await alice.receive()
    await alice.send("é")
    await alice.send(b"\x00")

    assert greeting == "ada middleware main"
    assert [await alice.receive() for _ in range(3)] == ["'é'", "b'\\x00'", "200"]
    assert (await alice.closed())[0] == 4003


async def test_b9_async_iteration_ends_with_the_client(define, visitor):
    """What it sent before is read; then the loop is over."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            await socket.accept()
            await gate(cls.party)
            async for message in socket:
                note(cls.party, "message", message)
            note(cls.party, "over", socket.close_code)

    sockets = await define(Sockets)
    alice = await visitor.connect(f"/{sockets.party}/any")
    await visitor.reached(sockets.party)
    for number in range(3):
        await alice.send(str(number))
    await alice.close(4001)
    await visitor.open_gate(sockets.party)

    messages = [["message", str(number)] for number in range(3)]
    notes = await visitor.notes(sockets.party, until="over")
    assert notes == [*messages, ["over", 4001]]


async def test_b9_a_hook_that_waits_is_cancelled_when_its_client_leaves(
    define, visitor
):
    """It may wait for something that never comes."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            await socket.accept()
            try:
                await asyncio.Event().wait()
            finally:
                note(cls.party, "cancelled")

    sockets = await define(Sockets)
    alice = await visitor.connect(f"/{sockets.party}/any")
    await alice.abort()

    assert await visitor.notes(sockets.party, until="cancelled") == [["cancelled"]]


async def test_b9_the_hooks_end_closes_the_socket(define, visitor):
    """Normally, or with the code of a `Reject`, which a browser sees."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            if "reject" in socket.request.GET:
                raise Reject(4401, "not you")
            await socket.accept(subprotocol="two")

    sockets = await define(Sockets)
    alice = await visitor.connect(f"/{sockets.party}/any", subprotocols=["one", "two"])
    bob = await visitor.connect(f"/{sockets.party}/any?reject")

    assert alice.subprotocol == "two"
    assert (await alice.closed())[0] == 1000
    assert (await bob.closed())[0] == 4401


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_b9_a_defect_is_1011_and_one_line(define, visitor, server, moment):
    """The client is not told more; before the handshake's answer or after it."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            if moment == "after":
                await socket.accept()
            raise RuntimeError("only for the log")

    sockets = await define(Sockets)
    since = len(server.log)
    alice = await visitor.connect(f"/{sockets.party}/any")
    code, reason = await alice.closed()

    assert code == 1011
    assert "only for the log" not in reason
    log = await visitor.whole_log(since)
    ours = [line for line in log if "partyrooms." in line.split(" / ")[0]]
    assert len(ours) == 1
    assert "on_socket_failed" in ours[0]
    assert "only for the log" in ours[0]


async def test_b9_absent_is_404(define, visitor, on):
    """So is a hook that does not accept."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            note(cls.party, "asked")

    sockets = await define(Sockets)
    expected = on(uvicorn=404, daphne=403, instead="a bare 403")
    asked = await visitor.refusal(f"/{sockets.party}/any")
    absent = await visitor.refusal("/nobody/any")

    assert [asked.status_code, absent.status_code] == [expected] * 2
    assert await visitor.notes(sockets.party) == [["asked"]]


async def test_b9_w9_the_origin_is_checked(define, visitor):
    """As of handshakes to rooms."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            note(cls.party, "asked")

    sockets = await define(Sockets)
    refused = await visitor.refusal(
        f"/{sockets.party}/any", origin="https://evil.example"
    )

    assert refused.status_code == 403
    assert await visitor.notes(sockets.party) == []


async def test_b9_w10_a_hook_that_does_not_answer(hasty, on):
    """503, and it is cancelled."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            try:
                await asyncio.Event().wait()
            finally:
                note(cls.party, "cancelled")

    sockets = await hasty.define(Sockets)
    refused = await hasty.refusal(f"/{sockets.party}/any")

    assert refused.status_code == on(uvicorn=503, daphne=403, instead="a bare 403")
    assert await hasty.notes(sockets.party, until="cancelled") == [["cancelled"]]


async def test_b9_a_message_that_is_too_big(tight, on):
    """W7: 1009, as of a room's socket."""

    class Sockets(Room):
        @classmethod
        async def on_socket(cls, socket, lobby):
            await socket.accept()
            async for message in socket:
                await socket.send(str(len(message)))

    sockets = await tight.define(Sockets)
    alice = await tight.connect(f"/{sockets.party}/any")
    assert await alice.ask(b"x" * 200_000) == "200000"
    await alice.send(b"x" * 200_001)

    assert (await alice.closed())[0] == on(uvicorn=1009, daphne=1011)


async def test_b7_a_stubs_calls_do_not_meet_these_hooks_either(define, visitor):
    """They reach a room, whatever its class answers for others."""

    class Static(Room):
        @classmethod
        async def on_fetch(cls, request, lobby):
            note(cls.party, "asked")

        @classmethod
        async def on_socket(cls, socket, lobby):
            note(cls.party, "asked")

        async def on_connect(self, connection, ctx):
            connection.send("room")

        async def on_request(self, request):
            return "room"

    static = await define(Static)
    party = static.party

    class Asking(Room):
        async def on_request(self, request):
            stub = parties[party].get("a")
            async with stub.socket() as socket:
                return [(await stub.fetch()).content.decode(), await socket.receive()]

    room = await define(Asking)

    assert await room.data() == ["room", "room"]
    assert await visitor.notes(party) == []
