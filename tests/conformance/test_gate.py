"""SPEC 4: turns, writes and outputs (G1-G4)."""

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync

from tests.servers.database import execute, locked
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room

# What another process changes in a room's row when it takes the room, each alone.
TAKEOVERS = {
    "owner": "UPDATE partyrooms_roomrecord SET owner_id = NULL",
    "epoch": "UPDATE partyrooms_roomrecord SET epoch = epoch + 1",
    "version": "UPDATE partyrooms_roomrecord SET version = version + 2",
}


async def test_g1_events_are_handled_in_the_order_of_arrival(define):
    """While one is handled the next ones wait, each behind the one before."""

    class Queue(Room):
        async def on_start(self):
            self.order = []

        async def on_message(self, message, sender):
            if message == "first":
                await gate(self.id)
            self.order.append(message)
            sender.send_json(self.order)

    room = await define(Queue)
    alice, bob = await room.join("alice"), await room.join("bob")
    await alice.send("first")
    await room.reached()
    for message in ("second", "third"):
        await alice.send(message)
    await room.open_gate()

    assert await alice.receive_json() == ["first"]
    assert await alice.receive_json() == ["first", "second"]
    assert await alice.receive_json() == ["first", "second", "third"]
    assert json.loads(await bob.ask("fourth"))[-1] == "fourth"


@pytest.mark.parametrize("hook", ["coroutine", "function"])
async def test_g1_rooms_run_concurrently(define, hook):
    """A room in the middle of a hook holds up no other, not even of its party."""

    class Waiting(Room):
        async def on_message(self, message, sender):
            if message == "wait":
                await gate(self.id)
            sender.send(message)

    class WaitingInAThread(Room):
        def on_message(self, message, sender):
            if message == "wait":
                async_to_sync(gate)(self.id)
            sender.send(message)

    room = await define(Waiting if hook == "coroutine" else WaitingInAThread)
    alice, bob = await room.join("alice"), await room.other().join("bob")
    await alice.send("wait")
    await room.reached()

    assert await bob.ask("hi") == "hi"
    await room.open_gate()
    assert await alice.receive() == "wait"


async def test_g2_outputs_wait_for_the_commit(define, server):
    """Sends, broadcasts and answers leave after the turn's writes are committed."""

    class Storing(Room):
        async def on_message(self, message, sender):
            note(self.id, "handled", message)
            self.storage.put("last", message)
            sender.send("sent")
            self.broadcast("broadcast")

        async def on_request(self, request):
            note(self.id, "handled", "request")
            self.storage.put("last", "request")
            return {"stored": True}

    room = await define(Storing)
    alice, bob = await room.join("alice"), await room.join("bob")
    with locked(server.database):
        await alice.send("hi")
        asking = asyncio.create_task(room.data())
        # Both hooks have ended or wait for nothing but the database.
        await room.notes(until="handled", times=2)
        hearing = asyncio.create_task(alice.receive())
        listening = asyncio.create_task(bob.receive())
        # A round trip through the same server, behind what it had to send.
        await room.notes()
        assert not any(task.done() for task in (asking, hearing, listening))

    assert await hearing == "sent"
    assert await alice.receive() == "broadcast"
    assert await listening == "broadcast"
    assert await asking == {"stored": True}


@pytest.mark.parametrize("changed", TAKEOVERS)
async def test_g2_s8_a_replaced_owner_writes_nothing(define, server, on, changed):
    """Nothing of the turn leaves, the room is stopped, its clients get 1012."""

    class Storing(Room):
        async def on_start(self):
            self.start = await self.storage.get("value", "nothing")

        async def on_message(self, message, sender):
            self.storage.put("value", message)
            sender.send("stored")

        async def on_request(self, request):
            return {"start": self.start, "value": await self.storage.get("value")}

    room = await define(Storing)
    alice, bob = await room.join("alice"), await room.join("bob")
    assert await alice.ask("before") == "stored"
    takeover = TAKEOVERS[changed] + " WHERE party = ? AND room_id = ?"
    execute(server.database, takeover, room.party, room.room_id)
    await alice.send("after")

    code, _ = await alice.closed()
    assert code == on(uvicorn=1012, daphne=1011)
    assert (await bob.closed())[0] == on(uvicorn=1012, daphne=1011)
    with pytest.raises(Exception, match=r"10\d\d"):
        await alice.receive()
    assert await room.data() == {"start": "before", "value": "before"}


async def test_g3_writes_of_a_turn_are_atomic(define):
    """A turn that raises stores none of its writes."""

    class Storing(Room):
        async def on_message(self, message, sender):
            self.storage.put("a", message)
            self.storage.put("b", message)
            if message == "fail":
                raise RuntimeError
            sender.send_json(await self.storage.list())

    room = await define(Storing)
    alice = await room.join("alice")
    await alice.send("fail")

    assert json.loads(await alice.ask("ok")) == {"a": "ok", "b": "ok"}


async def test_g3_g4_turns_go_on_while_a_commit_is_under_way(define, server):
    """Later turns run meanwhile; one without writes waits only for its own room's."""

    class Counting(Room):
        count = 0

        async def on_message(self, message, sender):
            self.count += 1
            note(self.id, "turn", message)
            if message == "store":
                self.storage.put("count", self.count)
            sender.send(f"{message} {self.count}")

    room = await define(Counting)
    neighbour = room.other()
    alice, bob = await room.join("alice"), await neighbour.join("bob")
    with locked(server.database):
        for message in ("store", "store", "read"):
            await alice.send(message)
        turns = await room.notes(until="turn", times=3)
        hearing = asyncio.create_task(alice.receive())
        assert await bob.ask("read") == "read 1"
        assert not hearing.done()

    assert turns == [["turn", "store"], ["turn", "store"], ["turn", "read"]]
    assert await hearing == "store 1"
    assert [await alice.receive() for _ in range(2)] == ["store 2", "read 3"]


async def test_g3_many_rooms_commit_together(define, server):
    """Writes that gathered while the database was busy all arrive."""

    class Storing(Room):
        async def on_message(self, message, sender):
            self.storage.put("value", message)
            note(self.party, "turn")
            sender.send(message)

        async def on_request(self, request):
            return {"value": await self.storage.get("value")}

    first = await define(Storing)
    rooms = [first, *(first.other() for _ in range(20))]
    sockets = [await room.join("alice") for room in rooms]
    with locked(server.database):
        for number, socket in enumerate(sockets):
            await socket.send(str(number))
        await first.visitor.notes(first.party, until="turn", times=len(rooms))

    answers = [await socket.receive() for socket in sockets]
    assert answers == [str(number) for number in range(len(rooms))]
    stored = [(await room.data())["value"] for room in rooms]
    assert stored == answers
