"""SPEC R17: an exception in a hook costs its turn, and nothing else."""

import asyncio
import json

import pytest

from tests.servers.site.journal import note
from tests.servers.visitor import Room


async def test_r17_a_turn_that_raises_leaves_nothing(define):
    """Writes, outputs, state, closes are undone; socket and room go on."""

    class Clumsy(Room):
        async def on_message(self, message, sender):
            if message == "look":
                stored = await self.storage.get("stored")
                listed = len(list(self.get_connections()))
                sender.send_json([stored, sender.state, listed])
                return
            self.storage.put("stored", message)
            sender.set_state(message)
            sender.send("sent")
            self.broadcast("broadcast")
            self.get_connection("bob").close(4000)
            raise RuntimeError(message)

    room = await define(Clumsy)
    alice, bob = await room.join("alice"), await room.join("bob")

    await alice.send("fail")

    assert json.loads(await alice.ask("look")) == [None, None, 2]
    assert json.loads(await bob.ask("look")) == [None, None, 2]


async def test_r17_on_exception_is_told(define):
    """Of the error and whose event it was; None where no connection was involved."""

    class Telling(Room):
        async def on_message(self, message, sender):
            raise ValueError(message)

        async def on_request(self, request):
            raise KeyError("request")

        async def on_exception(self, error, connection):
            whose = connection and connection.id
            note(self.id, "exception", type(error).__name__, str(error), whose)

    room = await define(Telling)
    alice = await room.join("alice")
    await alice.send("oops")
    await room.notes(until="exception")
    response = await room.request()

    assert response.status_code == 500
    assert await room.notes() == [
        ["exception", "ValueError", "oops", "alice"],
        ["exception", "KeyError", "'request'", None],
    ]


async def test_r17_by_default_it_is_logged(define, server):
    """One record with the traceback; the client learns nothing of it."""

    class Careless(Room):
        async def on_request(self, request):
            raise RuntimeError("a secret of the log")

    room = await define(Careless)
    since = len(server.log)
    response = await room.request()

    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    log = await room.visitor.whole_log(since)
    (line,) = [line for line in log if room.key in line and "Traceback" in line]
    assert "a secret of the log" in line


async def test_r17_an_exception_in_on_connect(define):
    """The socket is closed with 1011, and listed no more."""

    class Refusing(Room):
        async def on_connect(self, connection, ctx):
            if connection.id == "alice":
                connection.send("never")
                raise RuntimeError("only for the log")

        async def on_message(self, message, sender):
            sender.send_json([c.id for c in self.get_connections()])

        async def on_close(self, connection):
            note(self.id, "close", connection.id, connection.close_code)

    room = await define(Refusing)
    alice = await room.join("alice")
    code, reason = await alice.closed()

    assert code == 1011
    assert "only for the log" not in reason
    bob = await room.join("bob")
    assert json.loads(await bob.ask("who")) == ["bob"]
    assert await room.notes(until="close") == [["close", "alice", 1011]]


async def test_r17_an_exception_in_get_connection_tags(define):
    """The socket is closed with 1011; the next one is welcome."""

    class Picky(Room):
        async def get_connection_tags(self, connection, ctx):
            if connection.id == "alice":
                raise RuntimeError
            return ["tagged"]

        async def on_message(self, message, sender):
            sender.send(message)

    room = await define(Picky)
    alice = await room.join("alice")

    assert (await alice.closed())[0] == 1011
    bob = await room.join("bob")
    assert await bob.ask("hi") == "hi"


async def test_r17_an_exception_in_on_close(define):
    """The others live on; it is not called again."""

    class Careless(Room):
        async def on_message(self, message, sender):
            sender.send_json([c.id for c in self.get_connections()])

        async def on_close(self, connection):
            note(self.id, "close", connection.id)
            self.broadcast("dropped")
            raise RuntimeError

    room = await define(Careless)
    alice, bob = await room.join("alice"), await room.join("bob")
    await alice.close()
    await room.notes(until="close")

    assert json.loads(await bob.ask("who")) == ["bob"]
    assert await room.notes() == [["close", "alice"]]


async def test_r17_an_exception_in_on_error(define, on):
    """The connection is closed all the same, and `on_close` follows."""

    class Careless(Room):
        max_message_size = 10

        async def on_error(self, connection, error):
            note(self.id, "error", connection.id)
            raise RuntimeError

        async def on_close(self, connection):
            note(self.id, "close", connection.id)

    room = await define(Careless)
    alice = await room.join("alice")
    await alice.send("longer than ten")

    assert (await alice.closed())[0] == on(uvicorn=1009, daphne=1011)
    notes = await room.notes(until="close")
    assert notes == [["error", "alice"], ["close", "alice"]]


async def test_r17_an_exception_in_on_exception_itself(define, server):
    """It is logged; the room goes on."""

    class Hopeless(Room):
        async def on_message(self, message, sender):
            if message == "fail":
                raise RuntimeError("the first")
            sender.send(message)

        async def on_exception(self, error, connection):
            raise RuntimeError("the second")

    room = await define(Hopeless)
    alice = await room.join("alice")
    await alice.send("fail")

    assert await alice.ask("hi") == "hi"
    await server.wait_for_log(f"{room.key}.*the second")


@pytest.mark.parametrize("error", ["SystemExit", "CancelledError"])
async def test_r17_what_ends_programs_does_not_end_a_server(define, error):
    """A hook that raises one of these fails like any other."""

    class Wild(Room):
        async def on_message(self, message, sender):
            if message == "SystemExit":
                raise SystemExit(3)
            if message == "CancelledError":
                raise asyncio.CancelledError
            sender.send(message)

    room = await define(Wild)
    alice = await room.join("alice")
    await alice.send(error)

    assert await alice.ask("hi") == "hi"


async def test_r17_one_room_does_not_hurt_another(define):
    """Its neighbours of the same party do not notice."""

    class Mixed(Room):
        async def on_message(self, message, sender):
            if message == "fail":
                raise RuntimeError
            sender.send(message)

    room = await define(Mixed)
    neighbour = room.other()
    alice, bob = await room.join("alice"), await neighbour.join("bob")
    for _ in range(20):
        await alice.send("fail")

    assert await bob.ask("hi") == "hi"
    assert await alice.ask("hi") == "hi"
