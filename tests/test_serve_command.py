"""``manage.py serve``: what it starts, and what it refuses to start."""

import sys

import pytest
import uvicorn
from django.core.management import CommandError, call_command

from partyrooms import Room, registry
from partyrooms.management.commands import serve
from partyrooms.server import websockets

ASGI_APPLICATION = "mysite.asgi.application"


@pytest.fixture
def asked(monkeypatch, settings):
    """What uvicorn is asked to do, which it does not."""
    settings.ASGI_APPLICATION = ASGI_APPLICATION
    calls = []
    monkeypatch.setattr(
        uvicorn,
        "run",
        lambda application, **options: calls.append(options | {"app": application}),
    )
    return calls


def test_what_the_docs_ask_for(asked, monkeypatch):
    """No compression, our class, frame limits, lifespan, and one process."""
    monkeypatch.setenv("WEB_CONCURRENCY", "8")
    call_command("serve", skip_checks=True)

    (options,) = asked
    config = uvicorn.Config(options.pop("app"), **options)
    config.app = lambda: None
    config.load()
    assert config.ws_protocol_class is websockets.Protocol
    assert options == {
        "host": "127.0.0.1",
        "port": 8000,
        "workers": 1,
        "lifespan": "on",
        "http": "partyrooms.server.http_upgrade:Protocol",
        "ws": "partyrooms.server.websockets:Protocol",
        "ws_max_size": 2 * 1024 * 1024,
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": 20,
        "log_level": "info",
        "access_log": False,
    }
    assert config.workers == 1
    assert config.proxy_headers


def test_the_application_is_the_settings_own(asked):
    """As uvicorn writes it."""
    call_command("serve", "--host", "::1", "--port", "9000", skip_checks=True)

    assert asked[0]["app"] == "mysite.asgi:application"
    assert (asked[0]["host"], asked[0]["port"]) == ("::1", 9000)


@pytest.mark.parametrize(
    ("verbosity", "level", "has_access_log"),
    [(0, "warning", False), (1, "info", False), (2, "info", True)],
)
def test_how_much_it_says(asked, verbosity, level, has_access_log):
    """-v 0: warnings; 1: what comes and goes; 2: each request, too."""
    call_command("serve", verbosity=verbosity, skip_checks=True)

    assert asked[0]["log_level"] == level
    assert asked[0]["access_log"] is has_access_log


def test_the_largest_frame_of_any_room(asked, monkeypatch, settings):
    """The server reads what some room may take, and twice as much."""
    settings.PARTYROOMS = {"MAX_MESSAGE_SIZE": 1000}
    monkeypatch.setattr(registry, "_classes", {})

    class Small(Room):
        max_message_size = 10

    call_command("serve", skip_checks=True)

    class Large(Room):
        max_message_size = 5000

    call_command("serve", skip_checks=True)

    assert [one["ws_max_size"] for one in asked] == [2000, 10_000]


@pytest.mark.parametrize("path", [None, "", "application", 3])
def test_without_an_application(asked, settings, path):
    """The error says what to write where."""
    settings.ASGI_APPLICATION = path

    with pytest.raises(
        CommandError, match=r'ASGI_APPLICATION = "mysite\.asgi\.applicat'
    ):
        call_command("serve", skip_checks=True)
    assert asked == []


@pytest.mark.parametrize("workers", ["0", "-1"])
def test_no_workers(asked, workers):
    """At least one."""
    with pytest.raises(CommandError, match="at least 1"):
        call_command("serve", "--workers", workers, skip_checks=True)


def test_workers_that_share_nothing(asked, settings):
    """Each would be refused the rooms of the others."""
    with pytest.raises(CommandError, match="RedisPubSubChannelLayer"):
        call_command("serve", "--workers", "2", skip_checks=True)

    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}
    }
    call_command("serve", "--workers", "2", skip_checks=True)
    assert asked[0]["workers"] == 2


def test_without_uvicorn(settings, monkeypatch):
    """The error names the extra."""
    settings.ASGI_APPLICATION = ASGI_APPLICATION
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    with pytest.raises(CommandError, match=r"partyrooms\[fast\]"):
        call_command("serve", skip_checks=True)


def test_without_httptools(asked, monkeypatch):
    """uvicorn takes the HTTP class that it has."""
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    call_command("serve", skip_checks=True)

    assert asked[0]["http"] == "auto"


def test_with_nothing_that_serves_websockets(asked, monkeypatch):
    """The error names the extra."""
    monkeypatch.setattr(websockets, "Protocol", None)

    with pytest.raises(CommandError, match=r"partyrooms\[fast\]"):
        call_command("serve", skip_checks=True)
