"""Handshakes through MIDDLEWARE: who is let in, and how the others are told."""

import asyncio

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponse
from django.test import AsyncClient
from django.utils.decorators import async_only_middleware, sync_only_middleware
from django.utils.functional import SimpleLazyObject

from partyrooms.core.keys import RoomKey
from partyrooms.delivery.internals import has_thread
from partyrooms.web.sockets.handshake import Handshake
from tests.deadline import DEADLINE
from tests.loop_clock import pass_time
from tests.web.conftest import MIDDLEWARE
from tests.web.drive import knock, note_admission
from tests.web.rooms import PlainlyGuarded, Telling

ORIGIN = {"origin": "http://testserver"}
HOOKS = "partyrooms.middleware.BeforeHooksMiddleware"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/parties/telling/lobby", RoomKey("telling", "lobby")),
        ("/party/lobby/more", RoomKey("main", "lobby")),
        ("/api/v1/parties/telling/a%20b", RoomKey("telling", "a b")),
    ],
)
async def test_w1_a_client_is_let_into_its_room(handshake, path, key):
    """W1, H1: nothing is sent yet, that is the consumer's."""
    result = await knock(handshake, path)

    assert result.admission.key == key
    assert result.sent == []


async def test_the_admission_tells_what_is_known_of_the_client(handshake):
    """R30: uri as sent, id, user; the request carries props."""
    path = "/parties/telling/a%20b/c?_pk=me&x=%20"
    admission = (await knock(handshake, path)).admission

    assert admission.uri == path
    assert admission.connection_id == "me"
    assert admission.user_id is None
    assert admission.subprotocol is None
    assert admission.request.props == {}
    assert admission.request.path == "/parties/telling/a b/c"
    assert admission.request.body == b""


async def test_a_stranger_is_let_in_without_a_thread(wired):
    """DESIGN 3.14: ten thousand clients that come back at once need none."""
    threads = []

    @async_only_middleware
    def note_thread(get_response):
        async def middleware(request):
            response = await get_response(request)
            threads.append(has_thread())
            return response

        return middleware

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "note_thread", note_thread)
        wired.MIDDLEWARE = [f"{__name__}.note_thread", *MIDDLEWARE]
        result = await knock(Handshake(note_admission), "/parties/telling/lobby")

    assert result.admission is not None
    assert threads == [False]


async def test_w2_an_absent_id_is_made(handshake):
    """W2: unguessable, and different each time."""
    ids = set()
    for query in ("", "?", "?other=1"):
        result = await knock(handshake, f"/parties/telling/lobby{query}")
        ids.add(result.admission.connection_id)

    assert len(ids) == 3
    assert {len(one) for one in ids} == {32}


@pytest.mark.parametrize("name", ["a", "%20~", "a" * 128])
async def test_w2_printable_ascii_is_an_id(handshake, name):
    """W2: 1 to 128 of them."""
    result = await knock(handshake, f"/parties/telling/lobby?_pk={name}")

    assert result.admission is not None


@pytest.mark.parametrize("name", ["", "a" * 129, "%00", "%7F", "%C3%A9", "%FF", "a%0A"])
async def test_w2_another_id_is_400(handshake, name):
    """W2: empty, too long, control characters, anything beyond ASCII."""
    result = await knock(handshake, f"/parties/telling/lobby?_pk={name}")

    assert (result.status, result.admission) == (400, None)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/parties/nobody/lobby", 404),
        ("/parties/telling/a%2Fb", 400),
        ("/parties/telling/", 400),
        ("/elsewhere", 404),
        ("/their/party/", 404),
    ],
)
async def test_w4_what_leads_to_no_room_is_denied(handshake, path, status):
    """W4, H6: with status and JSON where the server can carry them."""
    result = await knock(handshake, path)

    assert (result.status, result.admission) == (status, None)
    assert result.data["detail"]


async def test_a_query_that_is_no_text_is_400(handshake):
    """Bytes that no URL has."""
    result = await knock(handshake, "/parties/telling/lobby", query_string=b"\xff")

    assert result.status == 400


async def test_w11_an_unknown_host_is_400_in_json(handshake, settings):
    """W11: also with DEBUG, where Django would show a page to developers."""
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["elsewhere"]
    result = await knock(handshake, "/parties/telling/lobby")

    assert result.status == 400
    assert result.data == {"detail": "This host is not served here."}


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({}, True),
        ({"cookie": "a=b"}, False),
        (ORIGIN, True),
        (ORIGIN | {"cookie": "a=b"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "https://testserver"}, False),
        ({"origin": "http://testserver:81"}, False),
        ({"origin": "https://friend.example"}, True),
        ({"origin": "https://listed.example"}, True),
        ({"origin": "null"}, False),
    ],
)
async def test_w9_the_origin_decides(wired, handshake, headers, is_let_in):
    """W9: same origin, the setting's, the class's; none only without cookies."""
    wired.PARTYROOMS = {"ALLOWED_ORIGINS": ["https://listed.example"]}
    result = await knock(handshake, "/parties/telling/lobby", headers=headers)

    assert (result.admission is not None) == is_let_in
    if not is_let_in:
        assert result.status == 403


def allows_b(origin, request):
    """A function of the setting; it may use the ORM, and may raise."""
    if origin == "https://raises.example":
        raise ValueError(origin)
    return not request.user.is_authenticated and origin == "https://b.example"


async def allows_c(origin, request):
    """A function of a class."""
    return origin == "https://c.example"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://b.example", None),
        ("https://c.example", None),
        ("http://testserver", None),
        ("https://d.example", 403),
        ("https://raises.example", 403),
        ("null", 403),
    ],
)
async def test_w9_a_function_decides(
    wired, handshake, monkeypatch, caplog, origin, status
):
    """W9: of origin and request, `def` or `async def`; one that raises allows none."""
    wired.PARTYROOMS = {"ALLOWED_ORIGINS": f"{__name__}.allows_b"}
    monkeypatch.setattr(Telling, "allowed_origins", f"{__name__}.allows_c")

    headers = {"origin": origin, "cookie": "a=b"}
    result = await knock(handshake, "/parties/telling/lobby", headers=headers)

    assert (None if result.admission else result.status) == status
    failed = [one.action for one in caplog.records if one.levelname == "ERROR"]
    assert failed == ["origin_function_failed"] * ("raises" in origin)


async def test_w9_a_trusted_proxy_tells_scheme_and_host(wired, handshake):
    """W9: by Django's own settings for it."""
    wired.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    wired.USE_X_FORWARDED_HOST = True
    wired.ALLOWED_HOSTS = ["site.example"]
    headers = {
        "origin": "https://site.example",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "site.example",
    }

    for scope in ({}, {"scheme": None}):  # Daphne tells none
        result = await knock(
            handshake, "/parties/telling/lobby", headers=headers, **scope
        )
        assert result.admission is not None


async def test_w9_an_untrusted_proxy_tells_nothing(handshake):
    """W9: a client can write these headers itself."""
    headers = {"origin": "https://evil.example", "x-forwarded-host": "evil.example"}
    result = await knock(handshake, "/parties/telling/lobby", headers=headers)

    assert result.status == 403


@pytest.mark.parametrize(
    ("offered", "selected"),
    [([], None), (["two"], "two"), (["two", "one"], "one"), (["x", "two"], "two")],
)
async def test_r25_the_classs_first_common_subprotocol(handshake, offered, selected):
    """R25: the class's order decides; none offered, none selected."""
    result = await knock(handshake, "/parties/telling/lobby", subprotocols=offered)

    assert result.admission.subprotocol == selected


@pytest.mark.parametrize("path", ["/parties/telling/lobby", "/parties/guarded/same"])
async def test_r25_no_common_subprotocol_is_400(handshake, path):
    """R25: offered but none matches, also where the class has none."""
    result = await knock(handshake, path, subprotocols=["x"])

    assert result.status == 400


async def test_b4_a_rejection_is_accepted_and_closed(handshake):
    """B4: with the hook's code and reason, so that a browser can see them."""
    result = await knock(handshake, "/parties/guarded/reject")

    assert result.closing == (4401, "not you")
    assert result.admission is None


async def test_b4_a_rejected_client_gets_its_subprotocol(handshake, monkeypatch):
    """B4: a browser hides the code of a handshake that selects none it offered."""
    monkeypatch.setattr("tests.web.rooms.Guarded.subprotocols", ("one",))
    result = await knock(handshake, "/parties/guarded/reject", subprotocols=["one"])

    assert result.sent[0]["subprotocol"] == "one"


async def test_b4_a_code_that_no_frame_may_carry_becomes_1008(handshake, caplog):
    """B4: the client is turned away all the same."""
    result = await knock(handshake, "/parties/guarded/reject-badly")

    assert result.closing == (1008, "")
    assert "is not 1000, 1008 or 3000-4999" in caplog.text


async def test_b3_a_response_is_the_answer_to_the_handshake(handshake):
    """B3: status, headers and body."""
    result = await knock(handshake, "/parties/guarded/teapot")

    assert result.status == 418
    assert result.headers[b"x-a"] == b"b"
    assert result.headers[b"content-length"] == b"3"
    assert result.sent[1]["body"] == b"tea"


async def test_b3_a_response_of_rest_framework_is_json(handshake):
    """B3: there is no view that would render it."""
    result = await knock(handshake, "/parties/guarded/data")

    assert (result.status, result.sent[1]["body"]) == (451, b'{"why":"law"}')


async def test_b3_without_the_extension_it_is_a_close(handshake):
    """B3: which a server makes a bare 403 of."""
    result = await knock(handshake, "/parties/guarded/teapot", extension=False)

    assert [message["type"] for message in result.sent] == ["websocket.close"]


@pytest.mark.parametrize(("room", "status"), [("redirect", 302), ("no-content", 204)])
async def test_b3_a_response_that_is_no_error_is_the_answer_too(
    handshake, room, status
):
    """B3: the hook's author decides; a socket is opened by none of them."""
    result = await knock(handshake, f"/parties/guarded/{room}")

    assert result.status == status
    assert (b"location" in result.headers) == (status == 302)
    assert result.admission is None


async def test_a_middleware_that_redirects_is_403(wired):
    """B3: it thinks of pages; the log says what to look for."""
    wired.SECURE_SSL_REDIRECT = True
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")

    assert result.status == 403
    assert b"location" not in result.headers


@pytest.mark.parametrize(
    "room", ["defect", "number", "bad-props", "half-props", "no-props"]
)
async def test_b5_a_hook_that_fails_lets_nobody_in(handshake, room, caplog):
    """B5: 1011, logged, and the client is not told why."""
    result = await knock(handshake, f"/parties/guarded/{room}")

    assert result.closing == (1011, "internal error")
    assert result.admission is None
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_b2_props_and_headers_of_the_hook_reach_the_room(handshake):
    """B2: changed META is what the request's headers show."""
    request = (await knock(handshake, "/parties/guarded/props")).admission.request

    assert request.props == {"by": {"name": "ann"}}
    assert request.headers["X-Hook"] == "yes"


async def test_w10_a_slow_hook_is_503(wired, handshake):
    """W10: with Retry-After, within CONNECT_TIMEOUT."""
    wired.PARTYROOMS = {"CONNECT_TIMEOUT": 0.05}
    result = await knock(handshake, "/parties/guarded/slow")

    assert result.status == 503
    assert result.headers[b"retry-after"] == b"1"


async def test_w10_a_thread_that_hangs_holds_up_nobody(wired, handshake):
    """W10: the answer does not wait for it, and neither does the event loop."""
    wired.PARTYROOMS = {"CONNECT_TIMEOUT": 60}
    PlainlyGuarded.begun.clear()
    PlainlyGuarded.release.clear()
    knocking = asyncio.create_task(knock(handshake, "/parties/plainly-guarded/lobby"))
    assert await asyncio.to_thread(PlainlyGuarded.begun.wait, DEADLINE)
    pass_time(60)
    result = await knocking
    await asyncio.gather(*handshake._running, return_exceptions=True)
    PlainlyGuarded.release.set()

    assert result.status == 503
    assert await asyncio.to_thread(PlainlyGuarded.ended.wait, DEADLINE)
    assert PlainlyGuarded.was_released


async def test_a_hook_that_was_left_out_lets_nobody_in(wired, caplog):
    """B5: a class with a hook is closed to everybody where the middleware lacks."""
    wired.MIDDLEWARE = [path for path in MIDDLEWARE if path != HOOKS]
    handshake = Handshake(note_admission)

    guarded = await knock(handshake, "/parties/guarded/same")
    telling = await knock(handshake, "/parties/telling/lobby")

    assert guarded.closing == (1011, "internal error")
    assert "BeforeHooksMiddleware" in caplog.text
    assert telling.admission is not None


async def test_websocket_middleware_replaces_the_list(wired):
    """Settings: handshakes run through WEBSOCKET_MIDDLEWARE where it is set."""
    wired.PARTYROOMS = {"WEBSOCKET_MIDDLEWARE": [f"{__name__}.refuse", HOOKS]}
    before = list(wired.MIDDLEWARE)
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")

    assert result.status == 451
    assert list(wired.MIDDLEWARE) == before


@pytest.mark.parametrize("name", ["refuse", "refuse_in_thread"])
async def test_the_projects_middleware_may_refuse(wired, name):
    """B1: sync or async, as for HTTP."""
    wired.MIDDLEWARE = [f"{__name__}.{name}", *MIDDLEWARE]
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")

    assert result.status == 451
    assert result.sent[1]["body"] == b"not here"


async def test_a_middleware_that_fails_is_1011(wired, settings):
    """B5: also with DEBUG, where Django would show a page to developers."""
    settings.DEBUG = True
    wired.MIDDLEWARE = [f"{__name__}.fail", *MIDDLEWARE]
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")

    assert result.closing == (1011, "internal error")


async def test_headers_of_the_middleware_go_with_the_acceptance(wired):
    """Cookies and own headers; none that describe a body."""
    wired.MIDDLEWARE = [f"{__name__}.decorate", *MIDDLEWARE]
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")
    headers = dict(result.admission.headers)

    assert headers[b"x-own"] == b"1"
    assert headers[b"set-cookie"] == b"seen=1; Path=/"
    assert not {b"content-type", b"vary", b"etag", b"x-frame-options"} & set(headers)


async def test_login_required_turns_strangers_away(wired):
    """B1: Django's LoginRequiredMiddleware, which HTTP leaves to REST framework."""
    login = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    wired.MIDDLEWARE = [*MIDDLEWARE[:-1], login, HOOKS]
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")

    assert result.status == 403


@pytest.mark.django_db(transaction=True)
async def test_r30_the_user_of_the_session_is_known(handshake):
    """R30, B1: and looking at it needs no further query."""
    user = await User.objects.acreate_user("ann")
    client = AsyncClient()
    await client.aforce_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}"

    result = await knock(
        handshake, "/parties/telling/lobby", headers=ORIGIN | {"cookie": cookie}
    )

    assert result.admission.user_id == str(user.pk)
    assert result.admission.request.user.username == "ann"


@pytest.mark.parametrize(
    ("name", "user_id"), [("log_in", "7"), ("promise_user", "7"), ("forget_user", None)]
)
async def test_r30_whoever_set_the_user_is_believed(wired, name, user_id):
    """R30: a project's own authentication, at once or as a promise."""
    wired.MIDDLEWARE = [*MIDDLEWARE[:-1], f"{__name__}.{name}", HOOKS]
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")

    assert result.admission.user_id == user_id


def log_in(get_response):
    """Log somebody in."""
    return _setting_user(get_response, lambda: User(pk=7))


def promise_user(get_response):
    """Log somebody in who is made when looked at."""
    return _setting_user(get_response, lambda: SimpleLazyObject(lambda: User(pk=7)))


def forget_user(get_response):
    """Leave no user."""
    return _setting_user(get_response, lambda: None)


def _setting_user(get_response, make):
    async def middleware(request):
        request.user = make()
        return await get_response(request)

    return middleware


for middleware in (log_in, promise_user, forget_user):
    async_only_middleware(middleware)


@pytest.mark.django_db(transaction=True)
async def test_a_session_that_a_hook_changes_is_saved(wired):
    """B1: and its cookie goes with the acceptance."""
    wired.MIDDLEWARE = [*MIDDLEWARE[:-1], f"{__name__}.remember", HOOKS]
    result = await knock(Handshake(note_admission), "/parties/telling/lobby")
    cookie = dict(result.admission.headers)[b"set-cookie"].decode()
    key = cookie.partition(";")[0].removeprefix("sessionid=")

    assert await SessionStore(key).aget("seen") is True


async def test_a_client_that_left_is_no_error(handshake):
    """uvicorn raises from send() then."""

    async def gone(message):
        raise ConnectionResetError

    messages = [{"type": "websocket.connect"}]

    async def receive():
        return messages.pop()

    scope = {
        "type": "websocket",
        "path": "/parties/guarded/reject",
        "headers": [(b"host", b"testserver")],
    }
    await handshake(scope, receive, gone)
    messages.append({"type": "websocket.connect"})
    await handshake(scope | {"path": "/parties/no/x"}, receive, gone)
    messages.append({"type": "websocket.disconnect", "code": 1006})
    await handshake(scope, receive, gone)


@async_only_middleware
def refuse(get_response):
    """Refuse everything."""

    async def middleware(request):
        return HttpResponse("not here", status=451)

    return middleware


@sync_only_middleware
def refuse_in_thread(get_response):
    """Refuse everything, the old way."""

    def middleware(request):
        return HttpResponse("not here", status=451)

    return middleware


@async_only_middleware
def fail(get_response):
    """Be a defect."""

    async def middleware(request):
        raise ZeroDivisionError("secret")

    return middleware


@async_only_middleware
def decorate(get_response):
    """Add a header, a cookie, and what only a body has."""

    async def middleware(request):
        response = await get_response(request)
        response["X-Own"] = "1"
        response["ETag"] = '"1"'
        response["Vary"] = "Cookie"
        response.set_cookie("seen", "1")
        return response

    return middleware


@async_only_middleware
def remember(get_response):
    """Change the session."""

    async def middleware(request):
        request.session["seen"] = True
        return await get_response(request)

    return middleware
