"""The lean way: no thread without need, and nothing lost of what threads were for."""

import asyncio
import threading

import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import connection
from django.http import StreamingHttpResponse
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.test import AsyncClient
from django.utils import translation
from django.utils.decorators import async_only_middleware, sync_only_middleware
from rest_framework.permissions import BasePermission
from rest_framework.throttling import SimpleRateThrottle

from partyrooms import Room
from partyrooms.delivery.internals import has_thread
from partyrooms.web.http.handler import RoomHandler
from tests.deadline import DEADLINE
from tests.web.conftest import MIDDLEWARE
from tests.web.drive import ask

HOOKS = MIDDLEWARE[-1]
seen = []


class LeanTelling(Room):
    """Tells the language it speaks."""

    party = "lean"

    async def on_request(self, request):
        return {"language": translation.get_language()}


class Threaded(BasePermission):
    """A permission that may do anything."""

    def has_permission(self, request, view):
        seen.append(is_main_thread())
        return True


class Strange(Room):
    """Has a policy that cannot be known."""

    permission_classes = (Threaded,)

    async def on_request(self, request):
        return {}


class Throttle(SimpleRateThrottle):
    """One request an hour."""

    rate = "1/h"

    def allow_request(self, request, view):
        seen.append(is_main_thread())
        return super().allow_request(request, view)

    def get_cache_key(self, request, view):
        return "tests.web.throttle"


class Throttled(Room):
    """Takes one request."""

    throttle_classes = (Throttle,)

    async def on_request(self, request):
        return {}


@pytest.fixture(autouse=True)
def nothing_seen():
    """Forget what earlier tests saw."""
    seen.clear()


async def test_an_anonymous_request_needs_no_thread(wired, node):
    """DESIGN 3.14: neither Django's own middleware nor REST framework's policy."""
    wired.MIDDLEWARE = [f"{__name__}.note_thread", *MIDDLEWARE]
    reply = await ask(RoomHandler(), "/parties/telling/lobby")

    assert reply.status == 200
    assert seen == [False]


@pytest.mark.django_db(transaction=True)
async def test_a_session_is_loaded_in_a_thread(wired, node):
    """DESIGN 3.14: and only then there is one."""
    wired.MIDDLEWARE = [f"{__name__}.note_thread", *MIDDLEWARE]
    client = AsyncClient()
    await client.aforce_login(await User.objects.acreate_user("ann"))
    cookie = f"sessionid={client.cookies['sessionid'].value}"

    reply = await ask(
        RoomHandler(), "/parties/members/lobby", headers={"cookie": cookie}
    )

    assert reply.data["name"] == "ann"
    assert seen == [True]


async def test_a_sync_middleware_runs_in_a_thread_of_the_request(wired, node):
    """DESIGN 3.14: as under Django's own handler."""
    wired.MIDDLEWARE = [f"{__name__}.note_sync", *MIDDLEWARE]
    reply = await ask(RoomHandler(), "/parties/telling/lobby")

    assert reply.status == 200
    assert seen == [False]  # not the main thread


async def test_a_policy_that_may_block_runs_in_a_thread(handler):
    """DESIGN 3.14a: whatever is not REST framework's own and plain."""
    reply = await ask(handler, "/parties/strange/lobby")

    assert reply.status == 200
    assert seen == [False]


async def test_throttles_hold(handler):
    """R26: 429 with Retry-After."""
    first = await ask(handler, "/parties/throttled/lobby")
    second = await ask(handler, "/parties/throttled/lobby")

    assert (first.status, second.status) == (200, 429)
    assert int(second.header("retry-after")) > 3500
    assert seen == [False, False]  # a cache may block


@pytest.mark.django_db(transaction=True)
async def test_the_connection_of_the_requests_thread_is_closed(wired, node):
    """DESIGN 3.14: by Django's rules, in the thread that opened it."""
    wired.MIDDLEWARE = [f"{__name__}.note_connection", *MIDDLEWARE]
    await ask(RoomHandler(), "/parties/telling/lobby")

    (opened,) = seen
    async with asyncio.timeout(DEADLINE):
        while opened.connection is not None:  # noqa: ASYNC110 - a thread closes it
            await asyncio.sleep(0)


async def test_other_receivers_hear_of_the_request(handler):
    """DESIGN 3.14: sync and async ones, at start and end."""

    def started(sender, scope, **kwargs):
        seen.append(("started", sender, scope["path"]))

    async def finished(sender, **kwargs):
        seen.append(("finished", sender))

    request_started.connect(started)
    request_finished.connect(finished)
    try:
        await ask(handler, "/parties/telling/lobby")
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)

    assert seen == [
        ("started", RoomHandler, "/parties/telling/lobby"),
        ("finished", RoomHandler),
    ]


async def test_a_subclass_of_djangos_middleware_is_left_alone(wired, node):
    """DESIGN 3.14: only what is exactly Django's is known not to block."""
    wired.MIDDLEWARE = [
        f"{__name__}.OwnCommon" if path.endswith(".CommonMiddleware") else path
        for path in MIDDLEWARE
    ]
    await ask(RoomHandler(), "/parties/telling/lobby")

    assert seen == [False]  # not the main thread


@pytest.mark.parametrize(
    ("path", "is_on_loop"), [("/parties/telling/lobby", True), ("/their/party/", False)]
)
async def test_only_requests_to_rooms_have_djangos_middleware_on_the_loop(
    handler, monkeypatch, path, is_on_loop
):
    """DESIGN 3.14: every other URL goes Django's own way."""

    def process_request(self, request):
        seen.append(is_main_thread())

    monkeypatch.setattr(SecurityMiddleware, "process_request", process_request)
    reply = await ask(handler, path)

    assert reply.status == 200
    assert seen == [is_on_loop]


async def test_h8_a_middleware_that_reads_an_oversized_body_gets_none_of_it(
    wired, node
):
    """H8: not even a part that would look like the whole."""
    wired.MIDDLEWARE = [f"{__name__}.read", *MIDDLEWARE]
    chunks = [b"x" * 2**18] * 400
    reply = await ask(RoomHandler(), "/parties/telling/lobby", "POST", chunks=chunks)

    assert reply.status == 400
    assert seen == []


async def test_a_locale_ends_with_its_request(wired, node):
    """H3: its hook speaks the client's language; the room then speaks the site's."""
    locale = "django.middleware.locale.LocaleMiddleware"
    wired.MIDDLEWARE = [*MIDDLEWARE[:-1], locale, HOOKS]
    headers = {"accept-language": "de"}

    async def asked():
        """As a server does: each request has a task, and so a context, of its own."""
        asking = ask(RoomHandler(), "/parties/lean/lobby", headers=headers)
        return await asyncio.create_task(asking)

    reply = await asked()
    wired.MIDDLEWARE = MIDDLEWARE
    later = await asked()

    assert reply.header("content-language") == "de"
    assert reply.data == {"language": "de"}
    assert later.data == {"language": "en-us"}


@pytest.mark.django_db(transaction=True)
async def test_a_session_that_was_changed_is_saved(wired, node):
    """SessionMiddleware keeps its promise on the lean way."""
    wired.MIDDLEWARE = [*MIDDLEWARE[:-1], f"{__name__}.remember", HOOKS]
    reply = await ask(RoomHandler(), "/parties/telling/lobby")

    assert "sessionid=" in reply.header("set-cookie")


async def test_a_streaming_response_of_a_middleware_is_sent(wired, node):
    """Whatever stands in front of the room may answer in its own way."""
    wired.MIDDLEWARE = [f"{__name__}.stream", *MIDDLEWARE]
    reply = await ask(RoomHandler(), "/parties/telling/lobby")

    assert reply.body == b"onetwo"


async def test_h7_a_client_that_leaves_cancels_nothing(handler, node):
    """H7: what the room has begun it ends."""
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Room):
        async def on_request(self, request):
            begun.set()
            await go_on.wait()
            ended.set()
            return {"size": len(request.body)}

    request = asyncio.create_task(
        ask(handler, "/parties/slow/lobby", "POST", body=b"abc")
    )
    async with asyncio.timeout(DEADLINE):
        await begun.wait()
        request.cancel()  # what a server does to a request whose client is long gone
        await asyncio.wait({request})
        go_on.set()
        await ended.wait()


def is_main_thread():
    """Where the event loop of a test runs."""
    return threading.current_thread() is threading.main_thread()


@async_only_middleware
def read(get_response):
    """Read the body."""

    async def middleware(request):
        seen.append(request.body)
        return await get_response(request)

    return middleware


@async_only_middleware
def note_thread(get_response):
    """Note whether sync code has run by the time of the response."""

    async def middleware(request):
        response = await get_response(request)
        seen.append(has_thread())
        return response

    return middleware


@sync_only_middleware
def note_sync(get_response):
    """Note whether this runs in the main thread."""

    def middleware(request):
        seen.append(is_main_thread())
        return get_response(request)

    return middleware


@async_only_middleware
def note_connection(get_response):
    """Use the database in the request's thread, and note the connection."""

    def use():
        connection.ensure_connection()
        return connection._connections[connection._alias]

    async def middleware(request):
        seen.append(await sync_to_async(use)())
        assert SyncToAsync.thread_sensitive_context.get(None) is not None
        return await get_response(request)

    return middleware


class OwnCommon(CommonMiddleware):
    """A project's own."""

    def process_request(self, request):
        seen.append(is_main_thread())
        return super().process_request(request)


@async_only_middleware
def remember(get_response):
    """Change the session."""

    async def middleware(request):
        request.session["seen"] = True
        return await get_response(request)

    return middleware


@async_only_middleware
def stream(get_response):
    """Answer in pieces."""

    async def parts():
        yield b"one"
        yield b"two"

    async def middleware(request):
        await get_response(request)
        return StreamingHttpResponse(parts())

    return middleware
