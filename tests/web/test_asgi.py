"""The whole application: what a server brings finds its way."""

import asyncio

import pytest
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.exceptions import ImproperlyConfigured
from django.urls import re_path

from partyrooms import Room, registry
from partyrooms.asgi import get_asgi_application
from partyrooms.conf import get_settings
from partyrooms.routing import websocket_application, websocket_urlpatterns
from partyrooms.server import start as start_module
from partyrooms.server.node import Node
from partyrooms.server.nodes import existing_node, use_node
from partyrooms.testing.memory_store import MemoryStore
from tests.deadline import DEADLINE
from tests.web.conftest import MIDDLEWARE
from tests.web.drive import ask, knock


async def own_socket(scope, receive, send):
    """The project's own application for WebSockets."""
    await send({"type": "websocket.close", "code": 4000})


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"HOOK_TIMOUT": 5}, "did you mean HOOK_TIMEOUT.*E001"),
        ({"MAX_BODY_SIZE": -1}, "MAX_BODY_SIZE.*at least 1.*E001"),
        ({"ALLOWED_ORIGINS": ["example.com"]}, "'example.com'.*scheme://host.*E002"),
        ({"DATABASE": "rooms"}, "'rooms'.*default.*E003"),
    ],
)
def test_a_server_does_not_start_with_wrong_settings(wired, given, found):
    """Section 11: it runs no system checks, so the application tells what they do."""
    wired.PARTYROOMS = given

    with pytest.raises(ImproperlyConfigured, match=found):
        get_asgi_application()


async def test_requests_reach_rooms_and_views(node):
    """R1: one application serves both."""
    application = get_asgi_application()

    assert (await ask(application, "/parties/telling/lobby")).status == 200
    assert (await ask(application, "/their/party/")).body == b"own 0"
    assert (await ask(application, "/nowhere/")).status == 404


async def test_a_socket_to_a_room_meets_the_rooms_handshake(node):
    """R1: the project's own application is asked about no room."""
    result = await knock(get_asgi_application(own_socket), "/parties/nobody/lobby")

    assert result.status == 404


@pytest.mark.parametrize("prefix", ["/de", "/en"])
async def test_h1_rooms_may_stand_behind_a_language_prefix(wired, node, prefix):
    """H1: in i18n_patterns(), with the LocaleMiddleware that these need."""
    wired.ROOT_URLCONF = "tests.web.translated_urls"
    wired.LANGUAGES = [("en", "English"), ("de", "German")]
    locale = "django.middleware.locale.LocaleMiddleware"
    wired.MIDDLEWARE = [*MIDDLEWARE[:2], locale, *MIDDLEWARE[2:]]
    application = get_asgi_application()

    reply = await ask(application, f"{prefix}/parties/telling/lobby")
    denial = await knock(application, f"{prefix}/parties/nobody/lobby")
    no_language = await knock(application, "/parties/nobody/lobby")

    assert reply.status == 200
    assert denial.data == {"detail": "There is no such party."}
    assert no_language.data == {"detail": "Not found."}


async def test_another_socket_is_the_projects(node):
    """R1: with one, it decides."""
    result = await knock(get_asgi_application(own_socket), "/elsewhere")

    assert result.sent == [{"type": "websocket.close", "code": 4000}]


async def test_another_socket_is_404_without_an_application(node):
    """R1: in JSON where the server can carry it."""
    result = await knock(get_asgi_application(), "/elsewhere")

    assert (result.status, result.data) == (404, {"detail": "Not found."})


async def test_another_protocol_is_an_error(node):
    """The server learns that it brought something unknown."""
    with pytest.raises(ValueError, match="'carrier-pigeon' is no protocol"):
        await get_asgi_application()({"type": "carrier-pigeon"}, None, None)


async def test_the_servers_end_closes_the_node(node):
    """Lifespan: rooms stop before the process does."""
    sent = await live(get_asgi_application())

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert existing_node() is None
    assert node.is_over


@pytest.fixture
def classes(monkeypatch):
    """No class with alarms or crons, but those of a test."""
    monkeypatch.setattr(registry, "_classes", {})


async def test_the_servers_end_needs_no_node(classes):
    """Lifespan: a process that never ran a room."""
    sent = await live(get_asgi_application())

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_r40_a_server_that_may_have_to_wake_rooms_has_a_node(
    classes, monkeypatch
):
    """R40: from its start on, and another one when it has lost its lease."""
    made = asyncio.Queue()
    nodes = []

    def start_node():
        node = Node(MemoryStore(), name="test", settings=get_settings())
        use_node(node)
        made.put_nowait(node)
        return node

    class Timer(Room):
        async def on_alarm(self):
            pass

    async def serve():
        """What the server does between its start and its end."""
        nodes.append(await made.get())
        nodes[0].lose()
        nodes.append(await made.get())

    monkeypatch.setattr(start_module, "start_node", start_node)
    sent = await live(get_asgi_application(), serve)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert [node.is_over for node in nodes] == [True, True]
    assert existing_node() is None


async def test_a_node_that_cannot_be_made_does_not_stop_the_server(
    classes, monkeypatch, caplog
):
    """Lifespan: the first event of a room tries again, and tells whoever asks."""

    class Timer(Room):
        async def on_alarm(self):
            pass

    tried = asyncio.Event()

    def start_node():
        tried.set()
        raise ZeroDivisionError

    monkeypatch.setattr(start_module, "start_node", start_node)
    sent = await live(get_asgi_application(), tried.wait)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert "ZeroDivisionError" in caplog.text


async def test_an_end_that_fails_is_told_to_the_server(node, monkeypatch, caplog):
    """Lifespan: and logged."""

    async def fail():
        raise ZeroDivisionError

    monkeypatch.setattr(node, "close", fail)
    sent = await live(get_asgi_application())
    monkeypatch.undo()

    assert sent[-1] == "lifespan.shutdown.failed"
    assert "did not stop in order" in caplog.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/parties/nobody/lobby", 404),
        ("/party/a%2Fb", 400),
        ("/api/v1/party/a%2Fb", 400),
    ],
)
async def test_rooms_can_be_part_of_a_projects_own_router(path, status):
    """routing: patterns for Channels' URLRouter, beside the project's own."""
    own = re_path(r"^elsewhere$", own_socket)
    application = ProtocolTypeRouter(
        {"websocket": URLRouter([*websocket_urlpatterns, own])}
    )

    assert (await knock(application, path)).status == status
    elsewhere = await knock(application, "/elsewhere")
    assert elsewhere.sent[0]["code"] == 4000


@pytest.mark.parametrize("path", ["/game/party/7/", "/not/a/parties/x", "/party"])
async def test_b9_a_projects_own_route_may_look_like_a_rooms(wired, node, path):
    """B9, W1: rooms take what the project's URLs lead to a room, nothing else."""
    own = re_path(r"^(game/party/7/|not/a/parties/x|party)$", own_socket)
    outermost = URLRouter([*websocket_urlpatterns, own])
    catch_all = [re_path("", websocket_application)]
    nested = re_path(r"^api/", URLRouter(websocket_urlpatterns))

    result = await knock(outermost, path)
    missed = await knock(URLRouter([*websocket_urlpatterns, *catch_all]), path)
    inner = await knock(URLRouter([nested, own]), "/api/v1/party/a%2Fb")

    assert result.sent[0]["code"] == 4000
    assert missed.status == 404
    assert inner.status == 400


async def live(application, serve=None):
    """Start, serve and stop as a server does; the types of the answers."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive():
        if sent and serve is not None:
            await serve()
        return messages.pop(0)

    async def send(message):
        sent.append(message["type"])

    async with asyncio.timeout(DEADLINE):
        await application({"type": "lifespan"}, receive, send)
    return sent
