"""SPEC 8: rooms reached from elsewhere (P1, P2, P4), and messages out of order."""

import asyncio

from partyrooms import parties
from tests.servers.database import execute
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room


async def test_p1_a_stub_does_nothing_until_used(define, server):
    """Making one starts no room; an unknown party and a bad id are told at once."""

    class Sleeping(Room):
        async def on_start(self):
            note(self.id, "start")

    sleeping = await define(Sleeping)
    party = sleeping.party

    class Asking(Room):
        async def on_request(self, request):
            errors = []
            for name, key in (
                (party, self.id),
                ("nobody", "a"),
                (party, "/"),
            ):
                try:
                    parties[name].get(key)
                except Exception as error:
                    errors.append(type(error).__name__)
            return errors

    room = await define(Asking)

    assert await room.data() == ["UnknownParty", "BadRoomId"]
    assert await room.notes() == []
    rows = "SELECT room_id FROM partyrooms_roomrecord WHERE party = ?"
    assert execute(server.database, rows, sleeping.party) == []


async def test_p1_calls_are_events_of_the_room(define):
    """In its order, behind what already waits."""

    class Busy(Room):
        async def on_message(self, message, sender):
            await gate(self.id)
            note(self.id, "message", message)

        async def on_request(self, request):
            note(self.id, "request", request.query_params["n"])

    busy = await define(Busy)
    party, room_id = busy.party, busy.room_id

    class Asking(Room):
        async def on_request(self, request):
            stub = parties[party].get(room_id)
            calls = [stub.fetch(query={"n": str(n)}) for n in range(3)]
            note(self.id, "asking")
            answers = await asyncio.gather(*calls)
            return [answer.status_code for answer in answers]

    room = await define(Asking)
    alice = await busy.join("alice")
    await alice.send("first")
    await busy.reached()
    asking = asyncio.create_task(room.data())
    await room.notes(until="asking")
    assert await busy.notes() == []
    await busy.open_gate()

    assert await asking == [204] * 3
    calls = [["request", str(n)] for n in range(3)]
    assert await busy.notes() == [["message", "first"], *calls]


async def test_p1_broadcast(define):
    """A stub's broadcast reaches every connection of its room but those left out."""

    class Listening(Room):
        async def on_message(self, message, sender):
            sender.send(message)

    listening = await define(Listening)
    party, room_id = listening.party, listening.room_id

    class Speaking(Room):
        async def on_request(self, request):
            stub = parties[party].get(room_id)
            await stub.broadcast("to all")
            await stub.broadcast(b"\x00\xff", without=["bob"])
            return {}

    room = await define(Speaking)
    alice, bob = await listening.join("alice"), await listening.join("bob")
    await room.data()

    assert [await alice.receive(), await alice.receive()] == ["to all", b"\x00\xff"]
    await bob.send("end")
    assert await bob.receive_until("end") == ["to all"]


async def test_p2_fetch(define):
    """Path, method, headers, JSON, data, query; the answer as over HTTP."""

    class Answering(Room):
        async def on_request(self, request):
            if request.subpath == "/text":
                return "é"
            if request.subpath == "/fail":
                raise RuntimeError("only for the log")
            return {
                "method": request.method,
                "path": request.path,
                "subpath": request.subpath,
                "query": request.query_params.dict(),
                "header": request.headers.get("X-Word"),
                "data": request.data,
                "id": self.id,
            }

    answering = await define(Answering)
    party = answering.party

    class Asking(Room):
        async def on_request(self, request):
            stub = parties[party].get("a b:c")
            plain = await stub.fetch()
            full = await stub.fetch(
                "/deep",
                method="PUT",
                headers={"X-Word": "hello"},
                json={"a": 1},
                query={"q": "1 2"},
            )
            text = await stub.fetch("/text")
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            data = await stub.fetch(method="POST", data=b"a=1", headers=form)
            fail = await stub.fetch("/fail")
            return {
                "plain": [plain.status_code, plain.data],
                "full": full.data,
                "text": [text.headers["content-type"], text.content.decode()],
                "form": data.data["data"],
                "fail": [fail.status_code, "log" in fail.content.decode()],
            }

    room = await define(Asking)
    seen = await room.data()

    status, plain = seen["plain"]
    path = f"/parties/{answering.party}/a b:c"
    assert status == 200
    assert plain["id"] == "a b:c"
    assert plain["method"] == "GET"
    assert plain["subpath"] == ""
    full = seen["full"]
    assert full["method"] == "PUT"
    assert full["path"] == f"{path}/deep"
    assert full["subpath"] == "/deep"
    assert full["query"] == {"q": "1 2"}
    assert full["header"] == "hello"
    assert full["data"] == {"a": 1}
    assert seen["text"] == ["text/plain; charset=utf-8", "é"]
    assert seen["form"] == {"a": "1"}
    assert seen["fail"] == [500, False]


async def test_p4_connections_and_info(define):
    """Who is connected; owner, epoch, how many, since when."""

    class Meeting(Room):
        async def get_connection_tags(self, connection, ctx):
            return ["tag"]

        async def on_connect(self, connection, ctx):
            connection.set_state({"name": connection.id})

    meeting = await define(Meeting)
    party, room_id = meeting.party, meeting.room_id

    class Asking(Room):
        async def on_request(self, request):
            stub = parties[party].get(room_id)
            return [await stub.connections(), await stub.info()]

    room = await define(Asking)
    await meeting.join("alice")
    await meeting.join("bob")
    connections, info = await room.data()

    assert [c["id"] for c in connections] == ["alice", "bob"]
    assert connections[0]["tags"] == ["alice", "tag"]
    assert connections[0]["state"] == {"name": "alice"}
    assert connections[0]["user_id"] is None
    assert set(info) == {"owner", "epoch", "connections", "since"}
    assert info["connections"] == 2
    assert info["epoch"] == 1


async def test_p4_stop(define, on):
    """Ends the life: sockets get 1012, storage stays, the next event starts it."""

    class Meeting(Room):
        async def on_start(self):
            note(self.id, "start")
            self.storage.put("started", True)

        async def on_close(self, connection):
            note(self.id, "close", connection.id)

        async def on_request(self, request):
            return await self.storage.list()

    meeting = await define(Meeting)
    party, room_id = meeting.party, meeting.room_id

    class Stopping(Room):
        async def on_request(self, request):
            await parties[party].get(room_id).stop()
            return {}

    room = await define(Stopping)
    alice = await meeting.join("alice")
    await room.data()

    assert (await alice.closed())[0] == on(uvicorn=1012, daphne=1011)
    assert await meeting.data() == {"started": True}
    starts = [n for n in await meeting.notes(until="start", times=2) if n == ["start"]]
    assert starts == [["start"]] * 2


async def test_p4_delete(define, server):
    """Stops the room and removes all that it stored; the id may be used again."""

    class Meeting(Room):
        async def on_request(self, request):
            found = await self.storage.list()
            self.storage.put("stored", True)
            return found

    meeting = await define(Meeting)
    party, room_id = meeting.party, meeting.room_id

    class Deleting(Room):
        async def on_request(self, request):
            await parties[party].get(room_id).delete()
            return {}

    room = await define(Deleting)
    await meeting.data()
    assert await meeting.data() == {"stored": True}
    await room.data()

    rows = "SELECT room_id FROM partyrooms_roomrecord WHERE party = ?"
    assert execute(server.database, rows, meeting.party) == []
    assert await meeting.data() == {}
