"""Every test runs on asyncio's event loop and on uvloop's; some on two classes."""

import asyncio

import pytest
import uvloop
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

from partyrooms.server import websocket_socket
from partyrooms.server.websockets import Protocol

CLASSES = {"ours": Protocol, "uvicorn": AutoWebSocketsProtocol}


def pytest_asyncio_loop_factories(config, item):
    """The loops that uvicorn runs on."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """No connection ends only because its time is up: a test would wait in vain."""
    monkeypatch.setattr(websocket_socket, "CLOSE_TIMEOUT", 1000.0)


@pytest.fixture(params=CLASSES)
def kind(request):
    """Whose class serves: a test that asks for this says what both of them do."""
    return request.param


@pytest.fixture
def protocol(kind):
    """The class itself."""
    return CLASSES[kind]


@pytest.fixture
def on(kind):
    """What to expect where the two differ: ``on(ours=1006, uvicorn=1005)``."""

    def choose(*, ours, uvicorn):
        return {"ours": ours, "uvicorn": uvicorn}[kind]

    return choose
