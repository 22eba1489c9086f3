"""Rooms that fail, and clients that overload one: its neighbours do not notice."""

import asyncio

import pytest
from asgiref.sync import async_to_sync

from tests.servers.raw import TEXT, frame, raw
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room

# Daphne looks once a second for sockets that it has to close in its own way.
ATTEMPTS = {"uvicorn": 10_000, "fast": 300, "daphne": 300}
LIMIT = 100


async def test_a_hook_that_never_ends(hasty, hasty_bystander):
    """It is cancelled after `HOOK_TIMEOUT`: one log line, the next event is handled."""

    class Endless(Room):
        async def on_message(self, message, sender):
            if message == "wait":
                await gate(f"never-{self.id}")
            sender.send(message)

    room = await hasty.define(Endless)
    alice = await room.join("alice")
    await alice.send("wait")
    await hasty_bystander.has_not_noticed()

    assert await alice.ask("hi") == "hi"
    (record,) = await hasty_bystander.records()
    assert "HOOK_TIMEOUT" in record
    assert room.key in record


async def test_a_plain_hook_that_never_ends(hasty, hasty_bystander):
    """Its thread cannot be ended, but the room goes on without it."""

    class Endless(Room):
        def on_message(self, message, sender):
            if message == "wait":
                async_to_sync(gate)(self.id)
                sender.send("too late")
                note(self.id, "end")
            else:
                sender.send(message)

    room = await hasty.define(Endless)
    alice = await room.join("alice")
    await alice.send("wait")
    await hasty_bystander.has_not_noticed()

    assert await alice.ask("hi") == "hi"
    await room.open_gate()
    assert await alice.ask("end") == "end"
    assert len(await hasty_bystander.records()) >= 1


async def test_a_hook_that_raises(define, bystander):
    """One log line with the traceback for each event; nothing of it to the client."""

    class Broken(Room):
        async def on_message(self, message, sender):
            raise RuntimeError("only for the log")

        async def on_request(self, request):
            raise RuntimeError("only for the log")

    room = await define(Broken)
    alice = await room.join("alice")
    for _ in range(20):
        await alice.send("fail")
    responses = [await room.request() for _ in range(20)]

    assert {response.status_code for response in responses} == {500}
    assert all("only for" not in response.text for response in responses)
    records = await bystander.records()
    assert len(records) == 40
    assert all("Traceback" in record and room.key in record for record in records)
    await bystander.has_not_noticed()


async def test_a_room_whose_on_start_raises(define, bystander):
    """Each event tries again and fails, in one log line."""

    class Broken(Room):
        async def on_start(self):
            raise RuntimeError("only for the log")

        async def on_request(self, request):
            note(self.id, "request")

    room = await define(Broken)
    responses = [await room.request() for _ in range(10)]
    sockets = [await room.join(f"client-{n}") for n in range(5)]

    assert [(await socket.closed())[0] for socket in sockets] == [1011] * 5
    assert {response.status_code for response in responses} == {500}
    assert all("only for" not in response.text for response in responses)
    assert await room.notes() == []
    assert len(await bystander.records()) == 15
    await bystander.has_not_noticed()


async def test_a_room_that_cannot_be_built(define, bystander):
    """`__init__` that raises is like `on_start` that raises."""

    class Broken(Room):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            raise RuntimeError("only for the log")

        async def on_request(self, request):
            note(self.id, "request")

    room = await define(Broken)
    response = await room.request()
    alice = await room.join("alice")

    assert (response.status_code, (await alice.closed())[0]) == (500, 1011)
    assert "only for" not in response.text
    assert len(await bystander.records()) == 2
    await bystander.has_not_noticed()


async def test_many_more_connections_than_a_room_takes(define, kind, bystander):
    """Each further one is closed with 1013; those inside do not notice."""

    class Small(Room):
        max_connections = 100

        async def on_message(self, message, sender):
            sender.send(message)

        async def on_request(self, request):
            return {"connections": len(list(self.get_connections()))}

    room = await define(Small)
    inside = [await room.join(f"inside-{n}") for n in range(LIMIT)]
    refused = 1011 if kind == "daphne" else 1013

    async def attempt(number):
        async with raw(room.visitor.server) as client:
            await client.join(room.target(f"outside-{number}"))
            return await client.close_code()

    codes = []
    attempts = ATTEMPTS[kind]
    for start in range(0, attempts, 100):
        numbers = range(start, start + 100)
        codes += await asyncio.gather(*map(attempt, numbers))

    assert codes == [refused] * attempts
    assert await room.data() == {"connections": LIMIT}
    for socket in inside:
        assert await socket.ask("hi") == "hi"
    assert len(await bystander.records()) == attempts
    await bystander.has_not_noticed()


async def test_a_slow_client(define, kind, bystander):
    """Costs at most its bound, then 3008; a fast one loses nothing.

    Daphne has no backpressure: it buffers, and the client gets everything late.
    """

    class Loud(Room):
        async def on_message(self, message, sender):
            self.broadcast(message.zfill(100_000))

        async def on_error(self, connection, error):
            note(self.id, "error", connection.id, type(error).__name__)

        async def on_close(self, connection):
            note(self.id, "close", connection.id, connection.close_code)

    room = await define(Loud)
    fast = await room.join("fast")
    turns = 200
    async with raw(room.visitor.server) as slow:
        await slow.join(room.target("slow"))
        slow.writer.transport.pause_reading()
        for number in range(turns):
            text = str(number)
            assert (await fast.ask(text)).lstrip("0") == text.lstrip("0")
        if kind != "daphne":
            notes = await room.notes(until="close")
        slow.writer.transport.resume_reading()
        if kind != "daphne":
            assert await slow.close_code() == 3008
        else:
            for _ in range(turns):
                assert len((await slow.frame())[1]) == 100_000

    if kind != "daphne":
        assert notes == [["error", "slow", "TooSlow"], ["close", "slow", 3008]]
        assert len(await bystander.records()) == 1
    await bystander.has_not_noticed()


@pytest.mark.parametrize("size", [1, 1000])
async def test_a_client_that_floods(define, kind, bystander, size):
    """It is closed with 1008 and one log line, however much comes."""

    class Calm(Room):
        message_rate = "10/m"

        async def on_message(self, message, sender):
            note(self.id, "message")

        async def on_close(self, connection):
            note(self.id, "close", connection.close_code)

    room = await define(Calm)
    async with raw(room.visitor.server) as client:
        await client.join(room.target("alice"))
        flood = frame(TEXT, b"x" * size) * 2000
        sending = asyncio.create_task(client.send(flood))
        code = await client.close_code()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    assert code == (1011 if kind == "daphne" else 1008)
    notes = await room.notes(until="close")
    assert notes == [["message"]] * 10 + [["close", 1008]]
    assert len(await bystander.records()) == 1
    await bystander.has_not_noticed()
