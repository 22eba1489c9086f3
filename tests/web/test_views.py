"""The view of rooms: addresses, methods, policies, answers."""

import threading

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, AsyncRequestFactory, override_settings
from django.urls import reverse
from django.utils.decorators import async_only_middleware
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.response import Response

from partyrooms import parties
from partyrooms.exceptions import MailboxFull, StoreUnavailable
from partyrooms.web.http.handler import RoomHandler
from partyrooms.web.http.views import RoomView, room_view, view_class
from tests.web.conftest import MIDDLEWARE
from tests.web.drive import ask
from tests.web.rooms import Answering, Guarded, Members

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.mark.parametrize(
    ("path", "room", "subpath"),
    [
        ("/parties/telling/lobby", "lobby", ""),
        ("/party/lobby", "lobby", ""),
        ("/api/v1/parties/telling/lobby", "lobby", ""),
        ("/parties/telling/a%20b/c/d%2Fe", "a b", "/c/d/e"),
        ("/parties/telling/lobby/", "lobby", "/"),
    ],
)
async def test_h1_a_url_leads_to_its_room(handler, path, room, subpath):
    """H1: with the party or without, under a prefix or not, with any further path."""
    reply = await ask(handler, path)

    assert (reply.data["room"], reply.data["subpath"]) == (room, subpath)


@pytest.mark.parametrize("path", ["/app/party/a%20b", "/party/a%20b"])
async def test_h1_a_servers_root_path_is_no_part_of_the_address(handler, path):
    """H1: uvicorn puts it in front of the path, Daphne does not."""
    reply = await ask(handler, path, root_path="/app")

    assert reply.data["room"] == "a b"


async def test_h1_without_a_raw_path_the_decoded_one_is_read(handler):
    """H1: ASGI servers need not tell the path as it was sent."""
    reply = await ask(handler, "/party/a%20b/c", raw_path=None)

    assert (reply.data["room"], reply.data["subpath"]) == ("a b", "/c")


@pytest.mark.parametrize("method", METHODS)
async def test_h1_every_method_reaches_the_room(handler, method):
    """H1: OPTIONS too; nothing is answered on the room's behalf."""
    reply = await ask(handler, "/parties/telling/lobby", method)

    assert reply.data["method"] == method
    assert method in reply.header("allow")


async def test_h1_head_has_the_length_of_get_and_no_body(handler):
    """H1: HEAD runs the room; its body stays behind."""
    get = await ask(handler, "/parties/answering/text")
    head = await ask(handler, "/parties/answering/text", "HEAD")

    assert head.status == 200
    assert head.body == b""
    assert head.header("content-length") == str(len(get.body))


@pytest.mark.parametrize("path", ["/parties/nobody/x", "/parties/No/x", "/parties//x"])
async def test_h6_an_unknown_party_is_404(handler, node, path):
    """H6: in JSON, without a list of those that exist, and nothing is started."""
    reply = await ask(handler, path)

    assert reply.status == 404
    assert reply.data == {"detail": "There is no such party."}
    assert not node.rooms.busy


@pytest.mark.parametrize(
    "path",
    [
        "/parties/telling/", "/parties/telling", "/parties/telling/a%2Fb", "/party/%00",
        "/party/%0A", "/party/..", "/party/%FF", "/party/" + 257 * "a", "/party//a",
        "/party%2Fa",
    ],
)  # fmt: skip
async def test_h6_a_bad_room_id_is_400(handler, node, path):
    """H6, W4: in JSON, and nothing is started."""
    reply = await ask(handler, path)

    assert reply.status == 400
    assert reply.data == {"detail": "No room can have this id."}
    assert not node.rooms.busy


@pytest.mark.parametrize("party", ["telling", "guarded"])
async def test_w11_an_unknown_host_is_400(wired, node, party):
    """W11: also where no middleware looks at the host, and before any hook."""
    wired.ALLOWED_HOSTS = ["elsewhere"]
    wired.MIDDLEWARE = MIDDLEWARE[-1:]
    Guarded.heard.clear()
    reply = await ask(RoomHandler(), f"/parties/{party}/lobby")

    assert reply.status == 400
    assert reply.data == {"detail": "This host is not served here."}
    assert not node.rooms.busy
    assert Guarded.heard == []


async def test_h3_the_room_sees_query_body_and_data(handler):
    """H3: as in any view of REST framework."""
    body = b'{"text": "hi"}'
    reply = await ask(
        handler,
        "/parties/telling/lobby?a=1",
        "POST",
        headers={"content-type": "application/json"},
        body=body,
    )

    assert reply.data["query"] == {"a": "1"}
    assert reply.data["data"] == {"text": "hi"}
    assert reply.data["size"] == len(body)


async def test_h3_a_body_in_chunks_without_a_length_is_data_too(handler):
    """H3: REST framework alone takes it for an empty one."""
    reply = await ask(
        handler,
        "/parties/telling/lobby",
        "POST",
        headers={"content-type": "application/json"},
        chunks=[b'{"text":', b' "hi"}'],
    )

    assert reply.data["data"] == {"text": "hi"}


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[" * 100_000, 400), (b"1" * 5000, 400)]
)
async def test_a_body_that_cannot_be_parsed_is_the_clients_mistake(
    handler, body, status
):
    """Broken, bottomless and oversized JSON alike."""
    reply = await ask(
        handler,
        "/parties/telling/lobby",
        "POST",
        headers={"content-type": "application/json"},
        body=body,
    )

    assert reply.status == status


async def test_a_form_with_too_many_fields_is_the_clients_mistake(handler, settings):
    """Django's limit for forms holds, with a status instead of a defect."""
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    reply = await ask(
        handler,
        "/parties/telling/lobby",
        "POST",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=b"a=1&b=2&c=3",
    )

    assert reply.status == 400


async def test_h8_an_announced_body_over_the_limit_is_not_asked_for(handler, node):
    """H8: 413 from the Content-Length alone; the room never hears of it."""
    body = b"x" * (2**20 + 1)
    reply = await ask(handler, "/parties/telling/lobby", "POST", body=body)

    assert reply.status == 413
    assert reply.received == 0
    assert not node.rooms.busy


async def test_h8_reading_stops_behind_the_limit(handler, node):
    """H8: a body without a length is read no further than a chunk over the limit."""
    chunks = [b"x" * 2**18] * 400
    reply = await ask(handler, "/parties/telling/lobby", "POST", chunks=chunks)

    assert reply.status == 413
    assert reply.received == 5
    assert not node.rooms.busy


async def test_h8_a_body_of_exactly_the_limit_is_read(handler):
    """H8: the limit itself is allowed."""
    body = b"x" * 2**20
    reply = await ask(
        handler,
        "/parties/telling/lobby",
        "PUT",
        body=body,
        headers={"content-type": "text/plain"},
    )

    assert reply.data["size"] == 2**20


async def test_h8_a_middleware_that_reads_a_large_body_does_not_get_it(
    handler, wired, node
):
    """H8: whoever reads it first, it is not in memory."""
    reply = await ask(
        handler,
        "/parties/members/lobby",
        "POST",
        headers={"cookie": "csrftoken=" + "a" * 32},
        body=b"x" * (2**20 + 1),
    )

    assert reply.status == 413


async def test_a_client_that_leaves_while_sending_is_not_answered(handler, node):
    """Half a request is none."""
    reply = await ask(handler, "/parties/telling/lobby", "POST", chunks=[])

    assert reply is None
    assert not node.rooms.busy


@pytest.mark.parametrize(
    ("room", "status", "content_type", "body"),
    [
        ("text", 200, "text/plain; charset=utf-8", "plain \u00e9".encode()),
        ("bytes", 200, "application/octet-stream", b"\x00\x01"),
        ("none", 204, None, b""),
        ("list", 200, "application/json", b"[1]"),
        ("created", 201, "application/json", b'{"a":1}'),
        ("empty", 202, None, b""),
        ("html", 200, "text/html; charset=utf-8", b"<p>"),
    ],
)
async def test_h4_what_a_room_may_return(handler, room, status, content_type, body):
    """H4: each value has its status, its type and its bytes."""
    reply = await ask(handler, f"/parties/answering/{room}")

    assert (reply.status, reply.header("content-type")) == (status, content_type)
    assert reply.body == body


@pytest.mark.parametrize("room", ["created", "html"])
async def test_h4_headers_of_a_response_reach_the_client(handler, room):
    """H4: of REST framework's and of Django's."""
    reply = await ask(handler, f"/parties/answering/{room}")

    assert reply.header("x-a") == "b"


async def test_h4_cookies_of_a_response_reach_the_client(handler):
    """H4: each with its attributes."""
    reply = await ask(handler, "/parties/answering/cookie")

    assert reply.header("set-cookie") == "a=1; Path=/; SameSite=Lax, b=2; Path=/"


@pytest.mark.parametrize(
    ("room", "name", "value"),
    [
        ("not-modified", "content-type", None),
        ("not-allowed", "allow", "GET, PUT"),
        ("partitioned", "set-cookie", "a=1; Path=/; Partitioned"),
    ],
)
async def test_h4_a_response_is_sent_as_it_is(handler, room, name, value):
    """H4: no header of it is made up, replaced or lost."""
    reply = await ask(handler, f"/parties/answering/{room}")

    assert reply.header(name) == value


async def test_h4_anything_else_is_a_defect(handler, caplog):
    """H4: 500, and the log says what is allowed."""
    reply = await ask(handler, "/parties/answering/number")

    assert reply.status == 500


@pytest.mark.parametrize(
    ("room", "status"), [("validation", 400), ("login", 401), ("defect", 500)]
)
async def test_h5_exceptions_have_their_status(handler, room, status):
    """H5: in JSON, and a defect shows nothing of itself."""
    reply = await ask(handler, f"/parties/answering/{room}")

    assert reply.status == status
    assert isinstance(reply.data, dict)
    assert b"secret" not in reply.body


@pytest.mark.parametrize(
    ("scheme", "header"),
    [(BasicAuthentication, 'Basic realm="api"'), (SessionAuthentication, None)],
)
async def test_h5_a_401_of_the_room_says_how_to_log_in(
    handler, monkeypatch, scheme, header
):
    """H5: as a view of REST framework does, if its class knows a way."""
    view_class.cache_clear()
    monkeypatch.setattr(Answering, "authentication_classes", (scheme,))
    reply = await ask(handler, "/parties/answering/login")
    view_class.cache_clear()

    assert reply.status == 401
    assert reply.header("www-authenticate") == header


async def test_h5_the_projects_exception_handler_is_asked(handler, wired):
    """H5: about what the policy refuses, in a thread: it may log to a database."""
    wired.REST_FRAMEWORK = {"EXCEPTION_HANDLER": f"{__name__}.handle_exception"}
    reply = await ask(handler, "/parties/members/lobby")

    assert reply.status == 418
    assert reply.data == {"is_main_thread": False, "view": "MembersView"}


async def test_h5_the_projects_handler_is_told_the_request(handler, wired):
    """H5: of what a room raised, too; there is no view."""
    wired.REST_FRAMEWORK = {"EXCEPTION_HANDLER": f"{__name__}.tell_path"}
    reply = await ask(handler, "/parties/answering/validation")

    assert reply.data == {"path": "/parties/answering/validation", "view": None}


async def test_h5_a_handler_that_fails_is_replaced(handler, wired, caplog):
    """H5: the client gets its status, the log what the handler raised."""
    wired.REST_FRAMEWORK = {"EXCEPTION_HANDLER": f"{__name__}.fail"}
    reply = await ask(handler, "/parties/answering/validation")

    assert (reply.status, reply.data) == (400, {"text": ["too short"]})
    assert "EXCEPTION_HANDLER failed on ValidationError" in caplog.text


def tell_path(error, context):
    """A project's own, which reads its context."""
    return Response({"path": context["request"].path, "view": context["view"]}, 400)


def fail(error, context):
    """One that takes a view for granted."""
    return context["view"].nothing


def handle_exception(error, context):
    """A project's own."""
    is_main = threading.current_thread() is threading.main_thread()
    view = type(context["view"]).__name__
    return Response({"is_main_thread": is_main, "view": view}, status=418)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/parties/telling/lobby", 200),
        ("/parties/nobody/lobby", 404),
        ("/party/%00", 400),
    ],
)
async def test_without_any_middleware_addresses_are_judged_the_same(
    wired, node, path, status
):
    """H6: the view looks, too."""
    wired.MIDDLEWARE = []
    reply = await ask(RoomHandler(), path)

    assert reply.status == status


async def test_the_view_needs_a_resolver():
    """It reads the room from the raw path, behind what the resolver matched."""
    with pytest.raises(TypeError, match="URL resolver"):
        await room_view(AsyncRequestFactory().get("/party/a"), "a")


async def test_h3_a_form_may_be_read_by_a_middleware_first(wired, node):
    """H3: as a CSRF check does; the room has the same data."""
    wired.MIDDLEWARE = [f"{__name__}.read_form", *MIDDLEWARE]
    body = b'--x\r\ncontent-disposition: form-data; name="text"\r\n\r\nhi\r\n--x--\r\n'
    reply = await ask(
        RoomHandler(),
        "/parties/telling/lobby",
        "PUT",
        headers={"content-type": "text/plain"},
        body=b"hi",
    )
    form = await ask(
        RoomHandler(),
        "/parties/formed/lobby",
        "POST",
        headers={"content-type": "multipart/form-data; boundary=x"},
        body=body,
    )

    assert reply.data["size"] == 2
    assert form.data == {"text": "hi"}


@async_only_middleware
def read_form(get_response):
    """Look into the form."""

    async def middleware(request):
        request.POST.get("csrfmiddlewaretoken")
        return await get_response(request)

    return middleware


@pytest.mark.parametrize("length", ["many", ""])
async def test_a_length_that_is_no_number_announces_nothing(handler, length):
    """H8: what is read decides."""
    reply = await ask(
        handler,
        "/parties/telling/lobby",
        "PUT",
        headers={"content-length": length, "content-type": "text/plain"},
        chunks=[b"abc"],
    )

    assert reply.data["size"] == 3


async def test_a_room_that_takes_no_more_is_503(handler, node):
    """G6: with Retry-After, and without telling what is full."""

    async def refuse(key, request):
        raise MailboxFull(str(key))

    node.cluster.request = refuse
    reply = await ask(handler, "/parties/telling/lobby")

    assert reply.status == 503
    assert reply.header("retry-after") == "1"
    assert reply.data == {"detail": "The room is not available; come back later."}


async def test_a_room_that_cannot_start_is_503_and_one_line(handler, node, caplog):
    """D9: the room's own line says what is wrong; the request adds none."""

    async def fail(*args, **options):
        raise StoreUnavailable("no such table")

    node.store.claim = fail
    reply = await ask(handler, "/parties/telling/lobby")

    assert reply.status == 503
    assert [record.getMessage() for record in caplog.records] == [
        "telling/lobby cannot be started: no such table"
    ]


async def test_h2_a_browser_sees_the_browsable_api(handler):
    """H2: with the class's name and the data."""
    reply = await ask(
        handler, "/parties/telling/lobby", headers={"accept": "text/html"}
    )

    assert reply.header("content-type") == "text/html; charset=utf-8"
    assert "<h1>Telling</h1>" in reply.body.decode()
    assert "Tells a request." in reply.body.decode()


async def test_h2_without_its_templates_a_browser_sees_json(handler, wired):
    """H2: rest_framework need not be an installed app, as R1 says."""
    apps = [app for app in wired.INSTALLED_APPS if app != "rest_framework"]
    view_class.cache_clear()
    with override_settings(INSTALLED_APPS=apps):
        reply = await ask(
            handler,
            "/parties/answering/list",
            headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
        )
    view_class.cache_clear()

    assert reply.header("content-type") == "application/json"
    assert reply.data == [1]


async def test_h2_json_may_be_indented(handler):
    """H2: what the client accepts decides, as in any view of REST framework."""
    reply = await ask(
        handler,
        "/parties/answering/created",
        headers={"accept": "application/json; indent=2"},
    )

    assert reply.body == b'{\n  "a": 1\n}'


@pytest.mark.django_db(transaction=True)
async def test_h2_permissions_of_the_class_hold(handler):
    """H2, R26: who is logged in gets in, and the room knows who it is."""
    client = AsyncClient(raise_request_exception=False)
    user = await User.objects.acreate_user("ann")

    refused = await client.get("/parties/members/lobby")
    await client.aforce_login(user)
    answer = await client.get("/parties/members/lobby")

    assert refused.status_code == 403
    assert answer.json() == {"user_id": str(user.pk), "name": "ann"}


@pytest.mark.django_db(transaction=True)
async def test_h2_session_authentication_enforces_csrf(node):
    """H2: a foreign page cannot post with a visitor's session."""
    client = AsyncClient(enforce_csrf_checks=True)
    await client.aforce_login(await User.objects.acreate_user("ann"))

    answer = await client.post("/parties/members/lobby")

    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


def test_urls_of_rooms_can_be_reversed():
    """The name of the URL takes party and room as one text."""
    assert reverse("partyrooms:room", args=["chat/a b"]) == "/parties/chat/a%20b"
    assert reverse("partyrooms:main-room", args=["lobby"]) == "/party/lobby"
    assert reverse("api:room", args=["chat/a"]) == "/api/v1/parties/chat/a"


async def test_h2_policies_are_told_the_room(handler, monkeypatch):
    """H2: as ``view.kwargs``, and a scope for ScopedRateThrottle."""
    told = []

    class Curious(BasePermission):
        def has_permission(self, request, view):
            told.append((view.kwargs, view.throttle_scope))
            return True

    monkeypatch.setattr(Answering, "permission_classes", (Curious,))
    monkeypatch.setattr(Answering, "throttle_scope", "answers", raising=False)
    view_class.cache_clear()
    await ask(handler, "/parties/answering/text/a/b")
    view_class.cache_clear()

    assert told == [({"party": "answering", "room_id": "text"}, "answers")]


def test_the_policies_of_a_class_are_the_views():
    """R26: and what it leaves open is REST_FRAMEWORK's."""
    view = view_class(Members)

    assert view.permission_classes is Members.permission_classes
    assert view.parser_classes is RoomView.parser_classes


async def test_other_urls_go_djangos_way(handler):
    """A path that only looks like a room's has neither limit nor lean way."""
    reply = await ask(handler, "/their/party/", "POST", body=b"x" * (2**20 + 1))

    assert reply.body == b"own 1048577"


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
async def test_h1_another_method_is_405(handler, node, method):
    """H1: it reaches no room, and none is started; Allow tells those that do."""
    reply = await ask(handler, "/parties/telling/lobby", method)

    assert reply.status == 405
    assert "GET" in reply.header("allow")
    assert not node.rooms.busy


async def test_h6_a_class_that_takes_no_requests_is_404(handler, node):
    """H6: no room is started for what nobody will answer, by URL or by stub."""
    reply = await ask(handler, "/parties/silent/lobby")
    fetched = await parties["silent"].get("lobby").fetch()

    assert (reply.status, fetched.status_code) == (404, 404)
    assert (
        reply.data
        == fetched.data
        == {"detail": "The party 'silent' takes no requests."}
    )
    assert not node.rooms.busy
