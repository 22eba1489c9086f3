"""What can happen to a room: who is let in, who is told what, and who is spared."""

import asyncio

import pytest
from django.http import Http404
from rest_framework.exceptions import Throttled

from partyrooms import Room, parties
from partyrooms.core.frames import AnswerKind
from partyrooms.exceptions import MailboxFull, RoomUnreachable, TooSlow
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop


class User:
    """Somebody who is logged in."""

    is_anonymous = False
    is_authenticated = True

    def __init__(self, pk):
        self.pk = pk


class Eventful(Room):
    """Notes what it is told."""

    party = "eventful"

    async def on_start(self):
        self.notes = []
        self.inside, self.on = asyncio.Event(), asyncio.Event()

    async def on_message(self, message, sender):
        if message == "hang":
            self.inside.set()
            await self.on.wait()
        self.notes.append((message, sender))

    async def on_close(self, connection):
        self.notes.append(("close", connection.id, connection.close_code))

    async def on_error(self, connection, error):
        self.notes.append(("error", connection.id, type(error)))

    async def on_exception(self, error, connection):
        self.notes.append(("exception", type(error)))


async def test_r26_a_full_room_turns_further_clients_away():
    """R26: 1013; they never reached on_connect, so nobody hears that they left."""

    class Small(Eventful):
        party = "eventful-small"
        max_connections = 1

    async with on_stage(Small) as room:
        alice = await patiently(room.connect("alice"))
        bob = await patiently(room.connect("bob"))
        await patiently(alice.close())
        carol = await patiently(room.connect("carol"))

        assert bob.closed[0] == 1013
        assert carol.closed is None
        assert room.instance.notes == [("close", "alice", 1000)]


async def test_w5_one_user_may_have_an_id_twice():
    """W5: both live, the newest is found, each has its own on_close."""
    ada = User(7)
    async with on_stage(Eventful) as room:
        first = await patiently(room.connect("x", user=ada))
        second = await patiently(room.connect("x", user=ada))
        newest = room.instance.get_connection("x")
        await patiently(first.send("one"))
        await patiently(second.send("two"))
        room.instance.broadcast("all")
        await patiently(second.close(4001))
        left = room.instance.get_connection("x")
        await patiently(first.close(4002))

        (_, sender_one), (_, sender_two), *closes = room.instance.notes
        assert newest is sender_two
        assert left is sender_one
        assert sender_one is not sender_two
        assert (first.received, second.received) == (["all"], ["all"])
        assert closes == [("close", "x", 4001), ("close", "x", 4002)]


@pytest.mark.parametrize(
    ("present", "newcomer"), [(User(7), User(8)), (User(7), None), (None, User(7))]
)
async def test_w5_an_id_in_use_by_another_user_is_refused(present, newcomer):
    """W5: the newer one is closed with 3009; nobody is not somebody."""
    async with on_stage(Eventful) as room:
        first = await patiently(room.connect("x", user=present))
        second = await patiently(room.connect("x", user=newcomer))

        assert (first.closed, second.closed[0]) == (None, 3009)


async def test_w5_an_id_is_free_once_its_user_has_left():
    """W5: it is a name, not a possession."""
    async with on_stage(Eventful) as room:
        await (await patiently(room.connect("x", user=User(7)))).close()

        second = await patiently(room.connect("x", user=User(8)))

        assert second.closed is None


async def test_r18_the_id_comes_first_among_the_tags():
    """R18: and the connection is found by each of them."""

    class Tagged(Eventful):
        party = "eventful-tagged"

        async def get_connection_tags(self, connection, ctx):
            return ["red", "round", "red"]

    async with on_stage(Tagged) as room:
        await patiently(room.connect("alice"))

        (alice,) = room.instance.get_connections("red")
        assert alice.tags == ("alice", "red", "round")
        assert list(room.instance.get_connections("round")) == [alice]


@pytest.mark.parametrize("tags", [list("abcdefghij"), ["x" * 257], [""], "red", [1]])
async def test_r18_tags_that_cannot_be_close_the_handshake(tags):
    """R18: with 1011, and on_exception hears why; on_connect does not run."""

    class Tagged(Eventful):
        party = "eventful-wrong"

        async def get_connection_tags(self, connection, ctx):
            return tags

        async def on_connect(self, connection, ctx):
            self.notes.append("connect")

    async with on_stage(Tagged) as room:
        alice = await patiently(room.connect("alice"))

        assert alice.closed[0] == 1011
        assert [note[0] for note in room.instance.notes] == ["exception"]


async def test_r15_a_room_without_on_request_answers_404():
    """R15: in JSON."""
    async with on_stage(Eventful) as room:
        answer = await patiently(room.get())

        assert answer.status_code == 404
        assert answer.data == {"detail": "The party 'eventful' takes no requests."}


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (Http404("gone"), 404, []),
        (Throttled(3), 429, []),
        (ZeroDivisionError("secret"), 500, [("exception", ZeroDivisionError)]),
    ],
)
async def test_h5_an_exception_is_an_answer(error, status, told):
    """H5: only a defect is on_exception's, and its text is nobody's."""

    class Raising(Eventful):
        party = "eventful-raising"

        async def on_request(self, request):
            self.storage.put("key", 1)
            raise error

    async with on_stage(Raising) as room:
        answer = await patiently(room.get())

        assert answer.status_code == status
        assert b"secret" not in answer.content
        assert room.instance.notes == told
        assert await room.stored() == {}


async def test_h4_something_that_is_no_answer_is_a_defect():
    """H4: 500, and the error lists what is allowed."""
    errors = []

    class Odd(Eventful):
        party = "eventful-odd"

        async def on_request(self, request):
            return object()

        async def on_exception(self, error, connection):
            errors.append(error)

    async with on_stage(Odd) as room:
        answer = await patiently(room.get())

        assert answer.status_code == 500
        assert "allowed are" in str(errors[0])


async def test_h7_a_client_that_goes_away_cancels_nothing():
    """H7: what the room has begun is done and stored."""

    class Slow(Eventful):
        party = "eventful-slow"

        async def on_request(self, request):
            self.inside.set()
            await self.on.wait()
            self.storage.put("done", True)
            return {}

    async with on_stage(Slow) as room:
        asking = asyncio.create_task(room.get())
        await turns_of_the_loop()
        await patiently(room.instance.inside.wait())
        asking.cancel()
        await asyncio.wait([asking])

        room.instance.on.set()
        await patiently(room.worker.until_idle())

        assert await room.stored() == {"done": True}


async def test_h7_nor_does_one_that_goes_away_before_its_turn():
    """H7: its request is handled all the same; nobody hears the answer."""
    async with on_stage(Eventful) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "hang")
        await patiently(room.instance.inside.wait())
        reply = room.worker.request(None)
        reply.cancel()

        room.instance.on.set()
        await patiently(room.worker.until_idle())

        assert reply.cancelled()


async def test_r14_trouble_is_told_while_the_connection_is_known():
    """R14: once it has ended, there is nobody to tell it of."""
    async with on_stage(Eventful) as room:
        alice = await patiently(room.connect("alice"))
        socket = alice._socket

        room.worker.trouble(socket, TooSlow())
        await patiently(alice.vanish())
        room.worker.trouble(socket, TooSlow())
        await patiently(room.worker.until_idle())

        assert room.instance.notes == [
            ("error", "alice", TooSlow),
            ("close", "alice", 1006),
        ]


@pytest.mark.parametrize("hook", ["on_error", "on_close"])
async def test_r17_a_hook_about_an_end_may_raise(hook):
    """R17: on_exception hears of it; the connection has ended all the same."""

    async def fail(self, connection, *args):
        raise ZeroDivisionError

    kind = type("Raising", (Eventful,), {"party": f"eventful-{hook.replace('_', '-')}"})
    setattr(kind, hook, fail)
    async with on_stage(kind) as room:
        alice = await patiently(room.connect("alice"))
        room.worker.trouble(alice._socket, TooSlow())

        await patiently(alice.vanish())

        assert ("exception", ZeroDivisionError) in room.instance.notes
        assert list(room.instance.get_connections()) == []


async def test_r10_everybody_who_waits_for_a_failed_start_is_told():
    """R10: requests 500, sockets 1011, calls the error; a close asks nothing."""
    tries = []

    class Broken(Eventful):
        party = "eventful-broken"

        async def on_start(self):
            tries.append(1)
            if len(tries) == 2:
                raise ZeroDivisionError
            await super().on_start()

        async def on_exception(self, error, connection): ...

        async def on_request(self, request):
            return {}

    async with on_stage(Broken) as room:
        talking = await patiently(room.connect("talking"))
        silent = await patiently(room.connect("silent"))
        leaving = await patiently(room.connect("leaving"))
        await patiently(room.hibernate())

        room.worker.trouble(leaving._socket, TooSlow())
        room.put_in(talking, "hi")
        leaving._socket.leave()
        room.worker.closed(leaving._socket, (1000, ""), True)
        asked = room.worker.request(None)
        called = room.worker.call("info", {})
        new = asyncio.create_task(room.connect("new"))

        answer = await patiently(asked)
        with pytest.raises(ZeroDivisionError):
            await patiently(called)
        await patiently(new)

        assert (answer.status, answer.kind) == (500, AnswerKind.DATA)
        assert talking.closed[0] == 1011
        assert new.result().closed[0] == 1011
        assert silent.closed is None
        assert (await patiently(room.get())).status_code == 200
        assert [one.id for one in room.instance.get_connections()] == ["silent"]


async def test_g6_who_asks_a_full_room_is_told_to_come_back():
    """G6: 503 with Retry-After; a socket's events are taken, and its gateway waits."""
    async with on_stage(Eventful, mailbox_size=2) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "hang")
        await patiently(room.instance.inside.wait())
        not_yet = room.worker.message(alice._socket, "one")
        full = room.worker.message(alice._socket, "two")
        over = room.worker.message(alice._socket, "three")

        with pytest.raises(MailboxFull, match="3 events waiting") as told:
            await patiently(room.get())
        with pytest.raises(MailboxFull):
            room.worker.call("info", {})
        waiting = asyncio.create_task(room.worker.space())
        await turns_of_the_loop()
        before = waiting.done()
        room.instance.on.set()
        await patiently(waiting)
        await patiently(room.worker.until_idle())

        assert (not_yet, full, over) == (False, True, True)
        assert isinstance(told.value, RoomUnreachable)
        assert before is False
        assert [note[0] for note in room.instance.notes] == [
            "hang",
            "one",
            "two",
            "three",
        ]


async def test_g4_a_room_whose_turns_are_not_committed_takes_no_more_events():
    """G6: what the gate holds is bounded like the mailbox."""

    class Writing(Eventful):
        party = "eventful-writing"

        async def on_message(self, message, sender):
            self.notes.append(message)
            self.storage.put("said", message)
            sender.send(message)

    async with on_stage(Writing, mailbox_size=3) as room:
        alice = await patiently(room.connect("alice"))
        hold = room.store.hold("commit")
        for number in range(10):
            room.put_in(alice, str(number))
        await turns_of_the_loop(100)
        handled = len(room.instance.notes)

        hold.go.set()
        await patiently(room.worker.until_idle())

        assert handled == 3
        assert alice.received == [str(number) for number in range(10)]


async def test_g1_another_room_runs_while_one_waits():
    """G1: one event at a time is a room's, not the node's."""
    async with on_stage(Eventful) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "hang")
        await patiently(room.instance.inside.wait())

        answer = await patiently(parties.eventful.get("other").fetch())

        assert answer.status_code == 404
        room.instance.on.set()
