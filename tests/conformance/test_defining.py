"""SPEC 2: how rooms are defined and found (R1-R7)."""

import threading

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User

from tests.servers.command import manage
from tests.servers.site.journal import note
from tests.servers.visitor import Misconfigured, Room

HOOKS = "partyrooms.middleware.BeforeHooksMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


async def test_r1_four_lines_are_all_the_wiring(server):
    """App, URLs, middleware and ASGI application serve rooms; the checks agree."""
    checked = manage("check")

    assert checked.returncode == 0, checked.stderr
    assert "partyrooms." not in checked.stdout + checked.stderr
    assert server.is_running


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"MIDDLEWARE": [SESSIONS]}, HOOKS),
        ({"ROOT_URLCONF": "tests.servers.annex.urls"}, 'include("partyrooms.urls")'),
        (
            {"ASGI_APPLICATION": "tests.servers.annex.asgi.application"},
            "from partyrooms.asgi import get_asgi_application",
        ),
    ],
    ids=["middleware", "urls", "asgi"],
)
def test_r1_the_checks_name_what_is_missing(settings, remedy):
    """`manage.py check` names a missing part by an id and says how to mend it."""
    checked = manage("check", settings=settings)

    said = checked.stdout + checked.stderr
    assert "(partyrooms." in said
    assert "HINT" in said
    assert remedy in said


async def test_r2_the_rooms_of_every_app_are_imported(visitor):
    """The `rooms.py` of each installed app is imported at start."""
    assert await visitor.room("annex").data() == {"party": "annex"}
    assert (await visitor.room("counter").data())["count"] == 0


async def test_r3_a_party_is_named_by_its_class(visitor):
    """The default name is the class name in kebab case."""
    assert await visitor.room("chat-room").data() == {"party": "chat-room"}


@pytest.mark.parametrize("name", ["0", "a_b-c", "a" * 64])
async def test_r3_names_that_a_party_can_have(define, server, name):
    """`[a-z0-9][a-z0-9_-]{0,63}`; set by the class attribute `party`."""

    class Named(Room):
        party = name

        async def on_request(self, request):
            return {"party": self.party}

    room = await define(Named, name=name)

    assert await room.data() == {"party": name}


@pytest.mark.parametrize("name", ["", "Chat", "-a", "_a", "a b", "a/b", "é", "a" * 65])
async def test_r3_names_that_a_party_cannot_have(define, name):
    """The error names the class and what is allowed."""

    class Misnamed(Room):
        party = name

    with pytest.raises(Misconfigured, match=r"Misnamed.*a-z"):
        await define(Misnamed, name=name)


async def test_r3_two_classes_with_one_name(define):
    """The error names both."""

    class First(Room):
        party = "of-two-classes"

    class Second(Room):
        party = "of-two-classes"

    await define(First)

    with pytest.raises(Misconfigured, match=r"First.*Second"):
        await define(Second)


async def test_r4_an_abstract_class_is_no_party(visitor):
    """It is only inherited from; what inherits from it is a party."""
    response = await visitor.room("base").request()

    assert response.status_code == 404
    assert await visitor.room("derived").data() == {
        "party": "derived",
        "inherited": True,
    }


async def test_r5_init_may_be_overridden(define):
    """`self.id` and `self.party` are readable in it, before and after `super()`."""

    class Built(Room):
        def __init__(self, *args, **kwargs):
            self.before = [self.id, self.party]
            super().__init__(*args, **kwargs)
            self.after = [self.id, self.party]

        async def on_request(self, request):
            return [self.before, self.after]

    room = await define(Built)

    assert await room.data() == [[room.room_id, room.party]] * 2


async def test_r6_a_key_is_one_instance(define):
    """State on `self` is seen by all later events, WebSocket and HTTP alike."""

    class SentLog(Room):
        count = 0

        async def on_message(self, message, sender):
            self.count += 1
            sender.send(str(self.count))

        async def on_request(self, request):
            self.count += 10
            return {"count": self.count}

    room = await define(SentLog)
    alice, bob = await room.join("alice"), await room.join("bob")

    assert await alice.ask("+") == "1"
    assert await room.data() == {"count": 11}
    assert await bob.ask("+") == "12"
    assert await room.other().data() == {"count": 10}


async def test_r7_hooks_may_be_plain_functions(define):
    """They run in a thread, where the ORM's sync API works, and may call everything."""

    class Plain(Room):
        def on_start(self):
            self.users = User.objects.filter(username="nobody").count()

        def get_connection_tags(self, connection, ctx):
            return ["plain"]

        def on_connect(self, connection, ctx):
            connection.send(f"{self.users} users")

        def on_message(self, message, sender):
            self.storage.put("last", message)
            stored = async_to_sync(self.storage.get)("last")
            tagged = [connection.id for connection in self.get_connections("plain")]
            self.broadcast_json([stored, tagged])

        def on_request(self, request):
            in_main = threading.current_thread() is threading.main_thread()
            return {"in_main": in_main}

        def on_close(self, connection):
            note(self.id, "close", connection.id)

    room = await define(Plain)
    alice = await room.join("alice")

    assert await alice.receive() == "0 users"
    await alice.send("hi")
    assert await alice.receive_json() == ["hi", ["alice"]]
    assert await room.data() == {"in_main": False}
    await alice.close()
    assert await room.notes(until="close") == [["close", "alice"]]


async def test_r7_coroutines_run_on_the_event_loop(define):
    """An `async def` hook costs no thread."""

    class Coroutine(Room):
        async def on_request(self, request):
            in_main = threading.current_thread() is threading.main_thread()
            return {"in_main": in_main}

    room = await define(Coroutine)

    assert await room.data() == {"in_main": True}


async def test_r7_a_plain_hook_that_raises_is_like_any_other(define):
    """Its writes and outputs are dropped; the next event is handled."""

    class Failing(Room):
        def on_message(self, message, sender):
            self.storage.put("kept", message)
            sender.send(message)
            if message == "fail":
                raise RuntimeError(message)

        async def on_request(self, request):
            return {"kept": await self.storage.get("kept")}

    room = await define(Failing)
    alice = await room.join("alice")

    await alice.send("fail")
    assert await alice.ask("hi") == "hi"
    assert await room.data() == {"kept": "hi"}
