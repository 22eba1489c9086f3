"""Before-hooks on the way of HTTP requests; handshakes have their own module."""

import pytest
from django.test import AsyncClient, Client
from django.utils.decorators import async_only_middleware

from partyrooms.web.http.handler import RoomHandler
from partyrooms.web.sockets.handshake import Handshake
from tests.web.conftest import MIDDLEWARE
from tests.web.drive import ask, knock, note_admission
from tests.web.rooms import Guarded


async def test_b6_the_lobby_tells_the_room(handler):
    """B6: party and room id, as the room will see them."""
    Guarded.heard.clear()
    await ask(handler, "/parties/guarded/a%20b")

    assert Guarded.heard == [("guarded", "a b")]


@pytest.mark.parametrize("room", ["other", "same"])
async def test_b2_none_or_the_request_passes(handler, room):
    """B2: and props are empty at first."""
    reply = await ask(handler, f"/parties/guarded/{room}")

    assert reply.data == {"props": {}, "hook": None}


async def test_b2_props_and_meta_reach_the_room(handler):
    """B2: META as headers, also where headers were read before."""
    reply = await ask(handler, "/parties/guarded/props")

    assert reply.data == {"props": {"by": {"name": "ann"}}, "hook": "yes"}


async def test_b2_a_client_cannot_forge_props(handler):
    """B2: whatever it names its headers and parameters."""
    headers = {
        "props": '{"admin": true}',
        "x-props": '{"admin": true}',
        "x-partyrooms-props": '{"admin": true}',
        "request_props": '{"admin": true}',
    }
    reply = await ask(handler, "/parties/guarded/a?props=1", headers=headers)

    assert reply.data["props"] == {}


async def test_b3_a_response_is_the_answer(handler, node):
    """B3: the room never hears of the request."""
    reply = await ask(handler, "/parties/guarded/teapot")

    assert (reply.status, reply.body, reply.header("x-a")) == (418, b"tea", "b")
    assert not node.rooms.busy


async def test_b3_a_response_of_rest_framework_is_json(handler):
    """B3: it is an HttpResponse, and there is no view that would render it."""
    reply = await ask(handler, "/parties/guarded/data")

    assert (reply.status, reply.data) == (451, {"why": "law"})


@pytest.mark.parametrize("party", ["guarded", "plainly-guarded"])
async def test_b5_a_hook_that_exits_refuses(handler, party, caplog):
    """B5: sys.exit() ends no server; the log says who called it."""
    reply = await ask(handler, f"/parties/{party}/exit")

    assert reply.status == 500
    assert "called sys.exit(3)" in caplog.text


async def test_b5_a_plain_hook_that_finds_nothing_refuses(handler):
    """B5: a StopIteration, which no future can hold, is a defect like any other."""
    reply = await ask(handler, "/parties/plainly-guarded/nobody")

    assert reply.status == 500


@pytest.mark.parametrize("party", ["guarded", "plainly-guarded"])
async def test_b4_a_rejection_is_403_with_its_reason(handler, party, node):
    """B4: from a coroutine and from a plain function."""
    reply = await ask(handler, f"/parties/{party}/reject")

    assert (reply.status, reply.data) == (403, {"detail": "not you"})
    assert not node.rooms.busy


@pytest.mark.parametrize("room", ["defect", "number", "bad-props", "no-props"])
async def test_b5_a_hook_that_fails_is_500(handler, room, node, caplog):
    """B5: logged once, with a traceback for the log only; never open by accident."""
    reply = await ask(handler, f"/parties/guarded/{room}")

    assert (reply.status, reply.data) == (500, {"detail": "Internal server error."})
    assert not node.rooms.busy
    (record,) = caplog.records
    assert record.exc_info is not None


async def test_b5_a_wrong_return_value_is_named_with_what_is_allowed(handler, caplog):
    """B2: the log tells the four things."""
    await ask(handler, "/parties/guarded/number")

    assert (
        "returned int; allowed are None, the request that it was given, an"
        in caplog.text
    )
    assert "or a room as in" in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_b1_a_plain_function_may_look_at_the_user(node):
    """B1: it runs in a thread, where a session may be loaded."""
    client = AsyncClient(headers={"cookie": "sessionid=none"})
    answer = await client.get("/parties/plainly-guarded/lobby")

    assert answer.json() == {"user": "AnonymousUser"}


async def test_b1_hooks_run_behind_all_middleware(wired, node):
    """B1: request.user is there even where the middleware stands first."""
    wired.MIDDLEWARE = [MIDDLEWARE[-1], *MIDDLEWARE[:-1]]
    reply = await ask(RoomHandler(), "/parties/plainly-guarded/lobby")

    assert reply.data == {"user": "AnonymousUser"}


async def test_a_hook_that_was_left_out_lets_nobody_in(wired, node, caplog):
    """B5: the class is closed to everybody, the log says what is missing."""
    wired.MIDDLEWARE = MIDDLEWARE[:-1]
    handler = RoomHandler()

    guarded = await ask(handler, "/parties/guarded/same")
    telling = await ask(handler, "/parties/telling/lobby")

    assert guarded.status == 500
    assert "BeforeHooksMiddleware" in caplog.text
    assert telling.status == 200


async def test_b7_other_views_have_no_hooks(handler):
    """B7: only a request that reaches a room by URL is looked at."""
    reply = await ask(handler, "/their/party/")

    assert reply.body == b"own 0"


def test_the_middleware_works_under_a_sync_handler():
    """WSGI and Django's sync test client run the hooks, too."""
    answer = Client().get("/parties/guarded/teapot")

    assert (answer.status_code, answer.content) == (418, b"tea")


def set_props(get_response):
    """A middleware of another package, which uses our attribute."""

    async def middleware(request):
        request.props = {"admin": True}
        return await get_response(request)

    return middleware


set_props = async_only_middleware(set_props)


@pytest.mark.parametrize("party", ["guarded", "telling"])
async def test_b5_props_of_another_middleware_open_nothing(wired, node, party):
    """B2, B5: they do not stand for a hook that ran, and reach no room."""
    wired.MIDDLEWARE = [f"{__name__}.set_props", *MIDDLEWARE[:-1]]
    path = f"/parties/{party}/same"

    reply = await ask(RoomHandler(), path)
    result = await knock(Handshake(note_admission), path)

    if party == "guarded":
        assert reply.status == 500
        assert result.closing == (1011, "internal error")
    else:
        assert reply.data["props"] == result.admission.props == {}
