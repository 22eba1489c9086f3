"""The testing kit itself, under pytest and under Django's ``TestCase``; SPEC 13."""

import asyncio
from datetime import date
from typing import ClassVar

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.test import TestCase

from partyrooms import Room, disconnect_user, parties, send_to_user
from partyrooms.exceptions import RoomStopped
from partyrooms.server.nodes import existing_node
from partyrooms.server.start import current_node
from partyrooms.testing import running_room
from tests.deadline import DEADLINE


class Parlour(Room):
    """Stores and repeats what is said, and tells how it was reached."""

    party = "kit-parlour"

    async def on_start(self):
        self.said = await self.storage.get("said", [])

    async def on_connect(self, connection, ctx):
        if ctx.props.get("unwanted"):
            connection.close(4003, "not you")
        self.context = ctx

    async def on_message(self, message, sender):
        self.said.append(message)
        self.storage.put("said", self.said)
        self.broadcast(message, without=[sender.id])

    async def on_close(self, connection):
        how = connection.close_code, connection.was_clean
        self.broadcast_json([connection.id, *how])

    async def on_request(self, request):
        return {
            "method": request.method,
            "path": request.subpath,
            "query": request.query_params.get("q"),
            "data": request.data,
            "said": self.said,
            "props": request.props,
        }


@pytest.fixture
async def room():
    async with running_room(Parlour, "a b") as room:
        yield room


async def test_the_room_starts_with_the_first_call(room):
    """As in a server: until then there is no instance to look at."""
    before = room.is_running
    with pytest.raises(RuntimeError, match="kit-parlour/a b is not in memory"):
        _ = room.instance

    await room.connect("alice")

    assert (before, room.is_running) == (False, True)
    assert isinstance(room.instance, Parlour)


async def test_a_message_has_arrived_when_send_returns(room):
    """SPEC 13: it was handled, committed, and is there; nobody has to wait."""
    alice, bob = await room.connect("alice"), await room.connect("bob")

    await alice.send("hi")
    await bob.send(b"\x00")

    assert (alice.received, bob.received) == ([b"\x00"], ["hi"])
    assert await room.stored() == {"said": ["hi", b"\x00"]}


async def test_a_handshake_has_what_it_is_given(room):
    """Path, query, headers and props; the id is quoted as in a URL."""
    await room.connect(
        "alice", path="/x", query="q=1", headers={"X-Colour": "red"}, props={"a": 1}
    )

    context = room.instance.context
    (alice,) = room.instance.get_connections()
    assert alice.uri == "/parties/kit-parlour/a%20b/x?q=1"
    assert context.request.GET["q"] == "1"
    assert context.request.headers["X-Colour"] == "red"
    assert context.request.user.is_anonymous
    assert context.props == {"a": 1}


async def test_a_path_of_a_handshake_may_have_a_query(room):
    """Parameters are added to it, as on a server."""
    await room.connect("alice", path="/x?p=1", query="q=1")

    (alice,) = room.instance.get_connections()
    assert alice.uri == "/parties/kit-parlour/a%20b/x?p=1&q=1"
    assert room.instance.context.request.GET.dict() == {"p": "1", "q": "1"}


async def test_w2_a_client_without_an_id_is_given_one(room):
    """W2: different each time."""
    first, second = await room.connect(), await room.connect()

    ids = [connection.id for connection in room.instance.get_connections()]
    assert ids == [first.id, second.id]
    assert first.id != second.id


async def test_a_room_may_turn_a_client_away(room):
    """It is accepted first, so that it sees the code."""
    alice = await room.connect("alice", props={"unwanted": True})

    assert (alice.closed, alice.is_accepted) == ((4003, "not you"), True)


@pytest.mark.parametrize(
    ("leave", "told"),
    [
        (lambda client: client.close(4001, "bye"), '["alice",4001,true]'),
        (lambda client: client.vanish(), '["alice",1006,false]'),
    ],
)
async def test_the_room_hears_once_of_a_client_that_leaves(room, leave, told):
    """With its code, or with 1006 if the connection breaks."""
    alice, bob = await room.connect("alice"), await room.connect("bob")

    await leave(alice)
    await leave(alice)

    assert bob.received == [told]


async def test_a_client_that_has_left_receives_nothing(room):
    """What it had received before stays to be looked at."""
    alice, bob = await room.connect("alice"), await room.connect("bob")
    await bob.send("one")
    await alice.close()

    await bob.send("two")

    assert alice.received == ["one"]


async def test_a_request_is_answered(room):
    """With method, path below the room, query and JSON."""
    props = {"name": "Ada"}
    answer = await room.post("/x/y", json={"a": 1}, query={"q": "2"}, props=props)

    assert answer.status_code == 200
    assert answer.data == {
        "method": "POST",
        "path": "/x/y",
        "query": "2",
        "data": {"a": 1},
        "said": [],
        "props": {"name": "Ada"},
    }


class Dozing(Parlour):
    """May leave memory while its clients stay."""

    party = "kit-dozing"
    hibernate = True


async def test_a_hibernating_room_comes_back_with_its_clients():
    """R24: it is not in memory in between."""
    async with running_room(Dozing) as room:
        await _hibernate_between_two(room)


async def test_r24_only_a_room_that_may_hibernate_does(room):
    """R24: on a server the others stay in memory; the error names the option."""
    await room.connect("alice")

    with pytest.raises(RuntimeError, match="hibernate = True"):
        await room.hibernate()

    assert room.is_running


async def _hibernate_between_two(room):
    alice, bob = await room.connect("alice"), await room.connect("bob")
    await alice.send("one")

    await room.hibernate()
    away = not room.is_running
    await alice.send("two")

    assert away
    assert bob.received == ["one", "two"]
    assert room.instance.said == ["one", "two"]


async def test_a_crash_leaves_what_is_stored(room):
    """S11: sockets are closed, nobody hears of it, and the room starts anew."""
    alice = await room.connect("alice")
    await alice.send("one")
    before = room.instance

    await room.crash()

    assert alice.closed[0] == 1012
    assert (await room.get()).data["said"] == ["one"]
    assert room.instance is not before


async def test_a_request_that_a_crash_meets_fails():
    """Nobody waits for an answer that cannot come."""
    asked = asyncio.Event()

    class Thinking(Room):
        party = "kit-thinking"

        async def on_request(self, request):
            asked.set()
            await asyncio.Event().wait()

    async with running_room(Thinking) as room:
        asking = asyncio.create_task(room.get())
        async with asyncio.timeout(DEADLINE):
            await asked.wait()

            await room.crash()

            with pytest.raises(RoomStopped):
                await asking


async def test_time_passes_only_when_it_is_told_to():
    """SPEC 13: hours take no time, and settings are this test's own."""
    async with running_room(Parlour, idle_timeout=3600) as room:
        await room.get()

        await room.advance(minutes=59)
        still = room.is_running
        await room.advance(minutes=2)

        assert (still, room.is_running) == (True, False)


async def test_other_rooms_run_too():
    """A room under test calls whatever rooms it likes; each has its own storage."""

    class Caller(Room):
        party = "kit-caller"

        async def on_request(self, request):
            answer = await self.parties["kit-parlour"].get("other").fetch("/far")
            return answer.data

    async with running_room(Caller) as room:
        assert (await room.get()).data["path"] == "/far"


async def test_another_room_is_on_the_same_server():
    """What one does to the other is seen there; time passes for both."""
    async with running_room(Parlour, "one") as one:
        two = one.other(Dozing, "two")
        alice = await two.connect("alice")

        await parties["kit-dozing"].get("two").broadcast("hi")
        await one.post()
        await two.hibernate()
        await one.advance(minutes=2)

        assert alice.received == ["hi"]
        assert (one.is_running, two.is_running) == (False, False)


async def test_nothing_of_a_room_is_left_behind():
    """The next test has a node, a store and a room of its own."""
    async with running_room(Parlour) as room:
        await (await room.connect("alice")).send("one")
        first = current_node()

    assert existing_node() is None
    async with running_room(Parlour) as room:
        assert await room.stored() == {}
        assert (await room.get()).data["said"] == []
        assert current_node() is not first


class Members(Room):
    """Uses Django's ORM in both kinds of hooks."""

    party = "kit-members"

    async def on_connect(self, connection, ctx):
        connection.send_json([connection.user_id, ctx.request.user.username])

    def on_message(self, message, sender):
        User.objects.create(username=message)

    async def on_request(self, request):
        return [user.username async for user in User.objects.order_by("pk")]


class KitUnderTestCase(TestCase):
    """SPEC 13: no server, and the transaction of the test is seen by hooks."""

    @classmethod
    def setUpTestData(cls):
        cls.alice = User.objects.create(username="alice")

    async def test_hooks_see_the_database_of_the_test(self):
        """Those in threads as well: they are in the test's own transaction."""
        async with running_room(Members) as room:
            alice = await room.connect("alice", user=self.alice)

            await alice.send("bob")
            answer = await room.get()

            assert alice.received == [f'["{self.alice.pk}","alice"]']
            assert answer.data == ["alice", "bob"]

    async def test_what_another_test_wrote_is_rolled_back(self):
        """Whichever of them runs first."""
        async with running_room(Members) as room:
            await (await room.connect("alice", user=self.alice)).send("carol")

        count = await sync_to_async(User.objects.count)()
        assert count == 2


class Shop(Room):
    """Sells users: a row of a model and a key of the room, both or neither."""

    party = "kit-shop"

    async def on_message(self, message, sender):
        async with self.storage.atomic():
            await self.sell(message)

    async def on_request(self, request):
        await sync_to_async(self.sell_in_a_thread)(request.data["name"])
        return {}

    async def sell(self, name):
        await User.objects.acreate(username=name)
        self.storage.put(name, "sold")
        self.broadcast(name)
        if name.startswith("not"):
            raise ValueError

    def sell_in_a_thread(self, name):
        with self.storage.atomic():
            async_to_sync(self.sell)(name)


async def tell_what_was_sold(room):
    """Sell two, and fail to sell two, in both forms; what there is to show for it."""
    alice = await room.connect("alice")
    await alice.send("bob")
    await alice.send("not bob")
    await room.post(json={"name": "carol"})
    failed = await room.post(json={"name": "not carol"})
    names = [user.username async for user in User.objects.order_by("pk")]
    return failed.status_code, names, list(await room.stored()), alice.received


SOLD = (500, ["bob", "carol"], ["bob", "carol"], ["bob", "carol"])


@pytest.mark.django_db(transaction=True)
async def test_s9_atomic_in_the_kit():
    """S9: the project's rows are in the test's database, the room's in memory."""
    async with running_room(Shop) as room:
        assert await tell_what_was_sold(room) == SOLD


class AtomicUnderTestCase(TestCase):
    """SPEC 13, S9: in the transaction of the test, which is never committed."""

    async def test_s9_atomic_is_a_savepoint(self):
        """S9: what it rolls back is the block's alone."""
        async with running_room(Shop) as room:
            assert await tell_what_was_sold(room) == SOLD


class Pinged(Room):
    """Answers a ping without an event."""

    hibernate = True
    auto_response: ClassVar = {"ping": "pong"}


async def test_r29_an_answer_wakes_no_room():
    """R29: in the kit as on a server."""
    async with running_room(Pinged) as room:
        alice = await room.connect("alice")
        await room.hibernate()

        await alice.send("ping")

        assert alice.received == ["pong"]
        assert not room.is_running
        await alice.send("other")
        assert room.is_running


async def test_p8_p9_all_rooms_and_a_users_sockets(room):
    """P8, P9: in the kit as on a server; the room hears of the end."""
    ada = User(pk=7, username="ada")
    alice, bob = await room.connect("alice", user=ada), await room.connect("bob")
    rooms = await parties[Parlour.party].running()

    assert await parties[Parlour.party].broadcast("all") == 1
    await room.advance(seconds=0)
    assert await send_to_user(ada, "you") == 1
    assert await send_to_user(ada, "you", party="kit-dozing") == 0
    assert await disconnect_user(7) == 1
    await room.advance(seconds=0)

    assert [one["connections"] for one in rooms] == [2]
    assert alice.received[-2:] == ["all", "you"]
    assert bob.received[-2:] == ["all", '["alice",4401,true]']
    assert alice.closed == (4401, "")
    assert bob.closed is None
    assert [one.id for one in room.instance.get_connections()] == ["bob"]
    with pytest.raises(ValueError, match="nobody"):
        await disconnect_user(AnonymousUser())


async def test_r31_props_reach_a_room_as_json(room):
    """R31, B2: as on a server, where they may cross to another process."""
    props = {"since": date(2026, 3, 1), "pair": (1, 2)}

    await room.connect("alice", props=props)
    answer = await room.get("/", props=props)

    passed = {"since": "2026-03-01", "pair": [1, 2]}
    assert room.instance.context.props == passed
    assert answer.data["props"] == passed
