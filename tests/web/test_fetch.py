"""``on_fetch``: what no URL matched, beside Django's own ways with 404."""

import threading
from io import BytesIO

import pytest
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.test import AsyncClient, Client, RequestFactory
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import Throttled
from rest_framework.response import Response

from partyrooms import Reject
from partyrooms.web.http.handler import RoomHandler
from tests.web.conftest import MIDDLEWARE
from tests.web.drive import ask, knock
from tests.web.rooms import Main


async def about(request, **kwargs):
    if request.path.startswith("/missing"):
        raise Http404
    return HttpResponse("about")


urlpatterns = [
    path("", include("partyrooms.urls")),
    path("about/", about),
    path("missing/", about),
]


class Mirror:
    """Answers with what ``answer`` is; notes what it was asked."""

    def __init__(self):
        self.heard = []
        self.answer = {"fetched": True}

    async def fetch(self, request, lobby):
        self.heard.append((request.method, request.path, request.user.is_anonymous))
        self.lobby = lobby
        self.thread = threading.current_thread()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def mirror(monkeypatch, settings):
    """The party ``main`` has a hook."""
    mirror = Mirror()
    settings.ROOT_URLCONF = __name__

    async def on_fetch(cls, request, lobby):
        return await mirror.fetch(request, lobby)

    monkeypatch.setattr(Main, "on_fetch", classmethod(on_fetch), raising=False)
    return mirror


@pytest.fixture
def handler(mirror):
    return RoomHandler()


async def test_b8_it_answers_what_no_url_matched(handler, mirror):
    """B8: after the project's middleware; its lobby is that of no room."""
    reply = await ask(handler, "/any/thing?q=1")

    assert (reply.status, reply.data) == (200, {"fetched": True})
    assert mirror.heard == [("GET", "/any/thing", True)]
    assert (mirror.lobby.party, mirror.lobby.room_id) == ("main", "")
    assert mirror.lobby.parties.main.get("a").key.party == "main"
    # Django's own middleware goes on with the response.
    assert reply.header("x-frame-options") == "DENY"


@pytest.mark.parametrize(
    "target", ["/about/", "/missing/", "/party/", "/parties/nobody/a", "/parties/x"]
)
async def test_b8_a_url_that_matched_is_not_its_own(handler, mirror, target):
    """B8: also where its view answers with 404."""
    await ask(handler, target)

    assert mirror.heard == []


async def test_b8_none_leaves_djangos_404(handler, mirror, monkeypatch):
    """B8: byte for byte what it is without the hook."""
    mirror.answer = None
    reply = await ask(handler, "/nowhere")
    monkeypatch.delattr(Main, "on_fetch")
    without = await ask(RoomHandler(), "/nowhere")

    assert mirror.heard
    assert (reply.status, reply.body) == (404, without.body)
    assert reply.header("content-type") == without.header("content-type")


async def test_b8_append_slash_still_redirects(handler, mirror):
    """What differs from a URL by its last slash goes there, as ever."""
    reply = await ask(handler, "/about")

    assert (reply.status, reply.header("location")) == (301, "/about/")
    assert mirror.heard == []


async def test_b8_without_append_slash_it_is_asked(handler, mirror, settings):
    """Where nobody would redirect, no URL matched."""
    settings.APPEND_SLASH = False

    assert (await ask(handler, "/about")).data == {"fetched": True}


async def test_b8_a_post_without_its_slash_is_djangos_affair(handler, mirror, settings):
    """With DEBUG Django tells the developer that a redirect would lose the data."""
    settings.DEBUG = True
    reply = await ask(handler, "/about", "POST", body=b"a=1")

    assert reply.status == 500
    assert mirror.heard == []


async def test_b8_locale_still_redirects(mirror, settings):
    """A URL that lacks only its language gets it, as ever."""
    settings.ROOT_URLCONF = "tests.web.translated_urls"
    settings.MIDDLEWARE = [
        *MIDDLEWARE[:2],
        "django.middleware.locale.LocaleMiddleware",
        *MIDDLEWARE[2:],
    ]
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    reply = await ask(RoomHandler(), "/about/", headers={"accept-language": "de"})
    other = await ask(RoomHandler(), "/other/", headers={"accept-language": "de"})

    assert (reply.status, reply.header("location")) == (302, "/de/about/")
    assert other.data == {"fetched": True}


@pytest.mark.parametrize(
    ("answer", "status", "content_type", "body"),
    [
        ("é", 200, "text/plain; charset=utf-8", "é".encode()),
        (b"\x00", 200, "application/octet-stream", b"\x00"),
        ([1], 200, "application/json", b"[1]"),
        (Response({"a": 1}, status=201), 201, "application/json", b'{"a":1}'),
        (HttpResponse("<p>", status=418), 418, "text/html; charset=utf-8", b"<p>"),
        (
            Reject(4401, "go away"),
            403,
            "application/json",
            b'{"detail": "go away"}',
        ),
        (
            Throttled(3),
            429,
            "application/json",
            b'{"detail":"Request was throttled. Expected available in 3 seconds."}',
        ),
    ],
    ids=["str", "bytes", "list", "drf", "django", "reject", "api-exception"],
)
async def test_b8_what_it_may_answer(
    handler, mirror, answer, status, content_type, body
):
    """What a room's ``on_request`` may; exceptions mean their status."""
    mirror.answer = answer
    reply = await ask(handler, "/any")

    assert (reply.status, reply.body) == (status, body)
    assert reply.header("content-type") == content_type


async def test_b8_a_stream_in_a_response(handler, mirror):
    """An async generator goes into Django's own response for it."""

    async def parts():
        yield b"one "
        yield b"two"

    mirror.answer = StreamingHttpResponse(parts())

    assert (await ask(handler, "/any")).body == b"one two"


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous")
@pytest.mark.parametrize("make", [StreamingHttpResponse, FileResponse])
async def test_b8_a_file_is_an_answer(handler, mirror, make):
    """What is read in sync code reaches the client, too, and is closed."""
    file = BytesIO(b"one two")
    mirror.answer = make(file)

    assert (await ask(handler, "/any")).body == b"one two"
    assert file.closed


async def test_b8_cookies_of_a_drf_response(handler, mirror):
    """Each one is kept."""
    mirror.answer = Response({})
    mirror.answer.set_cookie("a", "1")
    mirror.answer.set_cookie("b", "2", httponly=True)
    cookies = (await ask(handler, "/any")).header("set-cookie")

    assert "a=1" in cookies
    assert "b=2; HttpOnly" in cookies


@pytest.mark.parametrize(
    ("error", "status"), [(Http404(), 404), (PermissionDenied(), 403)]
)
async def test_b8_djangos_exceptions_go_djangos_way(handler, mirror, error, status):
    """As from a view."""
    mirror.answer = error

    assert (await ask(handler, "/any")).status == status


@pytest.mark.parametrize("answer", [3, object(), ZeroDivisionError("secret")])
async def test_b8_a_defect_is_500_and_in_the_log(handler, mirror, answer, caplog):
    """As from a view; what else may be returned is in the log."""
    mirror.answer = answer
    reply = await ask(handler, "/any")

    assert reply.status == 500
    assert b"secret" not in reply.body
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert isinstance(answer, Exception) or "HttpResponse" in str(record.exc_info[1])


async def test_b8_an_answer_is_not_logged_as_missing(handler, mirror, caplog):
    """Django logs a 404 that a client sees, and no other."""
    await ask(handler, "/any")

    assert not caplog.records


async def test_b8_a_host_that_is_not_served(mirror, settings):
    """The hook may trust the host, also without Django's common middleware."""
    settings.MIDDLEWARE = [MIDDLEWARE[-1]]
    headers = {"x-forwarded-host": "evil.example"}
    settings.USE_X_FORWARDED_HOST = True
    reply = await ask(RoomHandler(), "/any", headers=headers)

    assert (reply.status, mirror.heard) == (400, [])


async def test_b8_handshakes_are_not_fetched(handshake, mirror):
    """A WebSocket that leads nowhere is no HTTP request."""
    knocked = await knock(handshake, "/any")

    assert (knocked.status, mirror.heard) == (404, [])


async def test_b8_a_middleware_that_says_404_first(mirror, settings):
    """Whoever refuses a URL that exists is not overruled."""
    settings.MIDDLEWARE = [*MIDDLEWARE, f"{__name__}.refuse"]
    reply = await ask(RoomHandler(), "/about/")

    assert (reply.status, mirror.heard) == (404, [])


def refuse(get_response):
    """Middleware behind the hooks, in sync code only."""

    def middleware(request):
        return HttpResponse("refused", status=404)

    return middleware


# Forms


async def test_b8_a_form_of_another_site_is_refused(handler, mirror):
    """A cookie alone proves nobody's intent: the token is asked for, as by a view."""
    without = await ask(handler, "/any", "POST", body=b"a=1")
    token = get_token(RequestFactory().get("/"))
    headers = {"cookie": f"csrftoken={token}", "x-csrftoken": token}
    reply = await ask(handler, "/any", "POST", headers=headers, body=b"a=1")

    assert without.status == 403
    assert reply.data == {"fetched": True}
    assert [method for method, *_ in mirror.heard] == ["POST"]


async def test_b8_an_exempt_hook_takes_every_form(handler, mirror, monkeypatch):
    """``csrf_exempt`` below ``classmethod``, as above a view."""

    @csrf_exempt
    async def on_fetch(cls, request, lobby):
        return request.POST["a"]

    monkeypatch.setattr(Main, "on_fetch", classmethod(on_fetch))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    reply = await ask(handler, "/any", "POST", headers=headers, body=b"a=1")

    assert reply.body == b"1"


async def test_b8_without_djangos_protection_no_token_is_asked_for(mirror, settings):
    """The project has decided."""
    settings.MIDDLEWARE = [one for one in MIDDLEWARE if "csrf" not in one]
    reply = await ask(RoomHandler(), "/any", "POST", body=b"a=1")

    assert reply.data == {"fetched": True}


# Sync code


async def test_b8_a_plain_hook_runs_in_a_thread(handler, mirror, monkeypatch):
    """Where it may use the ORM."""
    threads = []

    def on_fetch(cls, request, lobby):
        threads.append(threading.current_thread())
        return "plain"

    monkeypatch.setattr(Main, "on_fetch", classmethod(on_fetch))
    reply = await ask(handler, "/any")

    assert reply.body == b"plain"
    assert threads != [threading.current_thread()]


@pytest.mark.parametrize("place", [0, len(MIDDLEWARE)])
async def test_b8_sync_middleware_around_it(mirror, settings, place):
    """In a thread, on the server's event loop all the same."""
    settings.MIDDLEWARE = list(MIDDLEWARE)
    settings.MIDDLEWARE.insert(place, f"{__name__}.pass_on")
    reply = await ask(RoomHandler(), "/any")

    assert reply.data == {"fetched": True}
    assert mirror.thread is threading.current_thread()


def pass_on(get_response):
    """Middleware in sync code only."""

    def middleware(request):
        return get_response(request)

    return middleware


def test_b8_under_wsgi(mirror):
    """Every answer, and Django's ways with 404, without an event loop around."""
    client = Client()

    assert client.get("/any").json() == {"fetched": True}
    assert client.get("/about")["Location"] == "/about/"
    assert client.get("/about/").content == b"about"
    mirror.answer = None
    assert client.get("/any").status_code == 404


async def test_b8_djangos_async_client(mirror):
    """A project's own tests see it as well."""
    assert (await AsyncClient().get("/any")).json() == {"fetched": True}


async def test_b8_a_project_without_the_hook(settings):
    """404, and nothing is looked up."""
    reply = await ask(RoomHandler(), "/nowhere")

    assert not hasattr(Main, "on_fetch")
    assert reply.status == 404
