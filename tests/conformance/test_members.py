"""SPEC R21-R26: what else a room has and what its class may ask for."""

import asyncio

import pytest
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAdminUser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room


async def test_r21_storage_belongs_to_one_room(define):
    """What one room stores no other room can read."""

    class Safe(Room):
        async def on_request(self, request):
            if request.method == "POST":
                self.storage.put("secret", request.data["text"])
            return await self.storage.list()

    room = await define(Safe)
    await room.data("POST", json={"text": "mine"})
    neighbour, namesake = room.other(), (await define(Safe)).other(room.room_id)

    assert await room.data() == {"secret": "mine"}
    assert await neighbour.data() == {}
    assert await namesake.data() == {}


async def test_r22_other_rooms_are_reached_through_parties(define):
    """`self.parties["chat"].get("other")`, and as an attribute."""

    class Asking(Room):
        async def on_request(self, request):
            name = request.query_params["room"]
            stubs = [self.parties["counter"].get(name), self.parties.counter.get(name)]
            answers = [await stub.fetch(method="POST") for stub in stubs]
            return [answer.data for answer in answers]

    room = await define(Asking)
    name = f"of-{room.room_id}"

    answers = await room.data(params={"room": name})

    assert answers == [{"count": 1}, {"count": 2}]


async def test_r23_a_task_works_in_turns_of_its_own(define):
    """`send`, `broadcast` and `put` in it work, while the room handles events."""

    class Busy(Room):
        async def on_message(self, message, sender):
            if message == "work":
                self.create_task(self.work(sender))
            sender.send(f"handled {message}")

        async def work(self, sender):
            sender.send("started")
            await gate(self.id)
            await self.storage.put("done", True)
            stored = await self.storage.get("done")
            self.broadcast(f"done {stored}")

        async def on_request(self, request):
            return {"done": await self.storage.get("done")}

    room = await define(Busy)
    alice, bob = await room.join("alice"), await room.join("bob")
    await alice.send("work")
    assert {await alice.receive(), await alice.receive()} == {"handled work", "started"}
    assert await alice.ask("hi") == "handled hi"
    await room.open_gate()

    assert await alice.receive() == "done True"
    assert await bob.receive() == "done True"
    assert await room.data() == {"done": True}


async def test_r23_an_exception_of_a_task_goes_to_on_exception(define):
    """Of no connection; what the task did before stays done."""

    class Busy(Room):
        async def on_message(self, message, sender):
            if message == "work":
                self.create_task(self.work(sender))
            else:
                sender.send(message)

        async def work(self, sender):
            sender.send("before")
            raise ValueError("in a task")

        async def on_exception(self, error, connection):
            note(self.id, "exception", type(error).__name__, connection)

    room = await define(Busy)
    alice = await room.join("alice")

    assert await alice.ask("work") == "before"
    assert await room.notes(until="exception") == [["exception", "ValueError", None]]
    assert await alice.ask("hi") == "hi"


async def test_r23_a_task_ends_with_the_life_of_its_room(define):
    """It is cancelled when the room stops, and may clean up."""

    class Busy(Room):
        async def on_message(self, message, sender):
            self.create_task(self.work())
            sender.send(message)

        async def work(self):
            try:
                await gate(f"never-{self.id}")
            except asyncio.CancelledError:
                note(self.id, "cancelled")
                raise

    room = await define(Busy)
    party, room_id = room.party, room.room_id

    class Stopping(Room):
        async def on_request(self, request):
            await self.parties[party].get(room_id).stop()
            return {}

    stopping = await define(Stopping)
    alice = await room.join("alice")
    assert await alice.ask("work") == "work"
    await room.visitor.reached(f"never-{room.room_id}")
    await stopping.data()

    assert await room.notes(until="cancelled") == [["cancelled"]]


@pytest.mark.parametrize(
    ("offered", "selected"),
    [(None, None), (["v1"], "v1"), (["v1", "v2"], "v2"), (["other", "v1"], "v1")],
)
async def test_r25_the_first_subprotocol_that_both_know(define, offered, selected):
    """In the order of the class; none offered: none."""

    class Speaking(Room):
        subprotocols = ("v2", "v1")

        async def on_message(self, message, sender):
            sender.send(message)

    room = await define(Speaking)
    alice = await room.join("alice", subprotocols=offered)

    assert alice.subprotocol == selected
    assert await alice.ask("hi") == "hi"


@pytest.mark.parametrize("known", [("v1",), ()])
async def test_r25_no_common_subprotocol(define, on, known):
    """Offered but none matches: 400."""

    class Speaking(Room):
        subprotocols = known

        async def on_start(self):
            note(self.id, "start")

    room = await define(Speaking, known=known)
    response = await room.refusal("alice", subprotocols=["v3"])

    assert response.status_code == on(uvicorn=400, daphne=403)
    assert await room.notes() == []


async def test_r26_permissions_of_rest_framework(define, visitor):
    """`permission_classes` and `authentication_classes` keep requests out."""

    class Staff(Room):
        permission_classes = (IsAdminUser,)

        async def on_request(self, request):
            note(self.id, "request")
            return {"user": str(request.user)}

    room = await define(Staff)

    assert (await room.request()).status_code == 403
    assert await room.notes() == []
    await visitor.login("boss", is_staff=True)
    assert await room.data() == {"user": "boss"}


async def test_r26_throttles_parsers_and_renderers(define):
    """429, 415 and the class's own content type."""

    class Policed(Room):
        class Strict(BaseThrottle):
            def allow_request(self, request, view):
                return "slow" not in request.query_params

            def wait(self):
                return 7

        class Shouting(JSONRenderer):
            media_type = "application/x-loud"
            format = "loud"

        throttle_classes = (Strict,)
        parser_classes = (JSONParser,)
        renderer_classes = (Shouting,)

        async def on_request(self, request):
            return Response(request.data)

    room = await define(Policed)
    slow = await room.request(params={"slow": "1"})
    form = await room.request("POST", data={"a": "b"})
    good = await room.request("POST", json={"a": "b"})

    assert (slow.status_code, slow.headers["retry-after"]) == (429, "7")
    assert form.status_code == 415
    assert good.headers["content-type"].startswith("application/x-loud")
    assert good.json() == {"a": "b"}


async def test_r26_w7_max_connections(define, on):
    """A further socket is closed with 1013; the place is free again when one leaves."""

    class Small(Room):
        max_connections = 2

        async def on_message(self, message, sender):
            sender.send(message)

        async def on_close(self, connection):
            note(self.id, "close", connection.id)

    room = await define(Small)
    alice, bob = await room.join("alice"), await room.join("bob")
    carol = await room.join("carol")

    assert (await carol.closed())[0] == on(uvicorn=1013, daphne=1011)
    await alice.close()
    await room.notes(until="close")
    dave = await room.join("dave")
    assert await dave.ask("hi") == "hi"
    assert await bob.ask("hi") == "hi"


async def test_r26_max_message_size(define, on):
    """Counted in bytes; a bigger frame ends the connection with 1009."""

    class Small(Room):
        max_message_size = 10

        async def on_message(self, message, sender):
            sender.send(message)

    room = await define(Small)
    alice, bob = await room.join("alice"), await room.join("bob")

    assert await alice.ask("0123456789") == "0123456789"
    await alice.send("ééééé!")
    assert (await alice.closed())[0] == on(uvicorn=1009, daphne=1011)
    assert await bob.ask(b"0123456789") == b"0123456789"


async def test_r26_message_rate(define, on):
    """More frames than that end the connection with 1008."""

    class Calm(Room):
        message_rate = "5/m"

        async def on_message(self, message, sender):
            sender.send(message)

        async def on_error(self, connection, error):
            note(self.id, "error", type(error).__name__)

    room = await define(Calm)
    alice = await room.join("alice")
    for n in range(5):
        assert await alice.ask(str(n)) == str(n)
    await alice.send("one too many")

    assert (await alice.closed())[0] == on(uvicorn=1008, daphne=1011)
    assert await room.notes(until="error") == [["error", "RateExceeded"]]
