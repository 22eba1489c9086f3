"""A wired project, and a node whose rooms live in memory."""

import pytest

from partyrooms.conf import get_settings
from partyrooms.server.node import Node
from partyrooms.server.nodes import use_node
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.web.http.handler import RoomHandler
from partyrooms.web.sockets.handshake import Handshake
from tests.web import rooms  # noqa: F401  (defines the parties)
from tests.web.drive import note_admission

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "partyrooms.middleware.BeforeHooksMiddleware",
]


@pytest.fixture(autouse=True)
def wired(settings):
    """The settings of a project with rooms in it."""
    settings.ROOT_URLCONF = "tests.web.urls"
    settings.MIDDLEWARE = MIDDLEWARE
    return settings


@pytest.fixture
async def node():
    """The event loop's node."""
    node = Node(MemoryStore(), name="test", settings=get_settings())
    use_node(node)
    yield node
    await node.close()
    use_node(None)


@pytest.fixture
def handler(wired, node):
    """HTTP to rooms."""
    return RoomHandler()


@pytest.fixture
def handshake(wired):
    """Handshakes that end at a note of the admission."""
    return Handshake(note_admission)
