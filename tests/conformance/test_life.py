"""SPEC 3: a room's life and what it hears of its connections (R10-R15)."""

import asyncio

import pytest

from partyrooms import ConnectionTrouble
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room


async def test_r10_on_start_comes_before_all_events(define):
    """Once per life; nothing else is handled until it ends."""

    class Slow(Room):
        async def on_start(self):
            note(self.id, "start")
            await gate(self.id)
            self.ready = True

        async def on_request(self, request):
            return {"ready": self.ready}

    room = await define(Slow)
    asking = [asyncio.create_task(room.data()) for _ in range(5)]

    await room.reached()
    await room.open_gate()

    assert await asyncio.gather(*asking) == [{"ready": True}] * 5
    assert await room.notes() == [["start"]]


async def test_r10_a_failed_start_never_poisons_a_room(define):
    """The waiting event fails (HTTP 500, socket 1011), the next one tries again."""

    class Flaky(Room):
        attempts = 0

        async def on_start(self):
            type(self).attempts += 1
            if self.attempts < 3:
                raise RuntimeError("only for the log")

        async def on_request(self, request):
            return {"attempts": self.attempts}

    room = await define(Flaky)

    response = await room.request()
    assert response.status_code == 500
    assert "only for the log" not in response.text
    alice = await room.join("alice")
    code, reason = await alice.closed()
    assert code == 1011
    assert "only for the log" not in reason
    assert await room.data() == {"attempts": 3}


async def test_r10_writes_of_a_failed_start_are_dropped(define):
    """It is a turn like any other."""

    class Flaky(Room):
        attempts = 0

        async def on_start(self):
            type(self).attempts += 1
            self.found = await self.storage.get("seen")
            self.storage.put("seen", self.attempts)
            if self.attempts == 1:
                raise RuntimeError

        async def on_request(self, request):
            return {"found": self.found, "seen": await self.storage.get("seen")}

    room = await define(Flaky)

    assert (await room.request()).status_code == 500
    assert await room.data() == {"found": None, "seen": 2}


async def test_r11_the_context_is_the_handshake(define, visitor, on):
    """`ctx.request` is Django's request; the connection is already listed."""

    class Look(Room):
        async def on_connect(self, connection, ctx):
            request = ctx.request
            connection.send_json(
                {
                    "method": request.method,
                    "path": request.path,
                    "GET": request.GET.dict(),
                    "header": request.headers["X-Word"],
                    "META": request.META["HTTP_X_WORD"],
                    "cookie": request.COOKIES["colour"],
                    "user": str(request.user),
                    "props": dict(ctx.props),
                    "listed": [c.id for c in self.get_connections()],
                }
            )

    room = await define(Look)
    await visitor.login("ada")
    visitor.http.cookies.set("colour", "blue")
    alice = await room.join(
        "alice", path="/more", query={"q": "ä b"}, headers={"X-Word": "hello"}
    )

    assert await alice.receive_json() == {
        "method": "GET",
        "path": f"{room.path}/more",
        "GET": {"_pk": "alice", "q": "ä b"},
        "header": "hello",
        "META": "hello",
        "cookie": "blue",
        "user": "ada",
        "props": {},
        "listed": ["alice"],
    }


async def test_r11_the_handshake_waits_for_on_connect(define):
    """The socket is accepted after it returns; what it sent arrives first."""

    class Slow(Room):
        async def on_connect(self, connection, ctx):
            connection.send("first")
            await gate(self.id)
            note(self.id, "connected")

        async def on_message(self, message, sender):
            note(self.id, "message", message)
            sender.send(message)

    room = await define(Slow)
    joining = asyncio.create_task(room.join("alice"))
    await room.reached()
    assert not joining.done()
    await room.open_gate()
    alice = await joining

    assert await alice.ask("hi") == "first"
    assert await alice.receive() == "hi"
    assert await room.notes() == [["connected"], ["message", "hi"]]


ENDINGS = {
    "clean": (1000, "", True),
    "code": (4321, "done", True),
    "abort": (1006, "", False),
    "room": (4000, "bye", True),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_r13_on_close_is_called_once(define, on, ending):
    """Whatever ended the socket; code, reason and cleanness are those of its end."""

    class Watch(Room):
        async def on_message(self, message, sender):
            sender.close(4000, "bye")

        async def on_close(self, connection):
            present = [other.id for other in self.get_connections()]
            self.broadcast(f"{connection.id} left")
            note(
                self.id,
                "close",
                connection.close_code,
                connection.close_reason,
                connection.was_clean,
                present,
            )

    room = await define(Watch)
    bob, alice = await room.join("bob"), await room.join("alice")
    code, reason, clean = ENDINGS[ending]
    if ending == "code":
        await alice.close(code, reason)
        reason = on(uvicorn="done", daphne="", instead="a client's reason is lost")
    elif ending == "clean":
        await alice.close()
    elif ending == "abort":
        await alice.abort()
    else:
        await alice.send("close me")

    assert await bob.receive() == "alice left"
    expected = ["close", code, reason or "", clean, ["bob"]]
    notes = [[*n[:2], n[2] or "", *n[3:]] for n in await room.notes()]
    assert notes == [expected]
    assert alice.state.name == "CLOSED" or await alice.closed()


async def test_r13_on_close_needs_on_connect(define):
    """A connection that never reached `on_connect` has no `on_close`."""

    class Refusing(Room):
        async def get_connection_tags(self, connection, ctx):
            if connection.id == "alice":
                raise RuntimeError
            return ()

        async def on_close(self, connection):
            note(self.id, "close", connection.id)

    room = await define(Refusing)
    alice = await room.join("alice")
    await alice.closed()
    bob = await room.join("bob")
    await bob.close()

    assert await room.notes(until="close") == [["close", "bob"]]


async def test_r14_on_error_tells_of_trouble(define, on):
    """`error` is a `ConnectionTrouble`; `on_close` follows."""

    class Strict(Room):
        max_message_size = 10

        async def on_error(self, connection, error):
            isa = isinstance(error, ConnectionTrouble)
            note(self.id, "error", connection.id, type(error).__name__, isa)

        async def on_close(self, connection):
            note(self.id, "close", connection.id, connection.close_code)

    room = await define(Strict)
    alice = await room.join("alice")
    await alice.send("longer than ten")

    code, _ = await alice.closed()
    assert code == on(uvicorn=1009, daphne=1011)
    assert await room.notes(until="close") == [
        ["error", "alice", "MessageTooBig", True],
        ["close", "alice", 1009],
    ]


async def test_r15_on_request_answers(define):
    """An HTTP request to the room; what it returns is the answer."""

    class Answering(Room):
        async def on_request(self, request):
            return {"room": self.id}

    room = await define(Answering)

    assert await room.data() == {"room": room.room_id}


async def test_r15_without_on_request_there_is_nothing(define):
    """404, as JSON; the room's sockets work."""

    class Silent(Room):
        async def on_message(self, message, sender):
            sender.send(message)

    room = await define(Silent)
    response = await room.request()

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("application/json")
    alice = await room.join("alice")
    assert await alice.ask("hi") == "hi"
