"""The unmodified npm client ``partysocket`` under Node (SPEC W1)."""

import json

from tests.servers.process import serve
from tests.servers.visitor import Room, visit


async def test_w1_the_default_party_is_main(node, host):
    """Without a party the client asks for ``/parties/main/<room>``."""
    socket = await node.open(host, room="lobby")
    assert (await socket.event())["event"] == "open"

    await socket.send("hello")

    assert await socket.receive() == "hello"


async def test_w1_party_room_path_query_and_id_reach_the_room(node, host, visitor):
    """All that the client puts into the URL is what the room sees."""

    class Mirror(Room):
        async def on_connect(self, connection, ctx):
            query = ctx.request.GET.dict()
            connection.send_json([self.id, ctx.request.path, query, connection.id])

    room = await visitor.define(Mirror)

    socket = await node.open(
        host,
        party=room.party,
        room="Käse & Brot",
        path="some/where",
        query={"token": "a+b/c"},
        id="alice",
    )

    assert (await socket.event()) == {"event": "open", "id": "alice", "protocol": ""}
    assert await socket.receive_json() == [
        "Käse & Brot",
        f"/parties/{room.party}/Käse & Brot/some/where",
        {"_pk": "alice", "token": "a+b/c"},
        "alice",
    ]


async def test_r11_what_on_connect_sends_is_the_first_message(node, host, visitor):
    """A message that the client queued before it was open is answered afterwards."""

    class Greeter(Room):
        async def on_connect(self, connection, ctx):
            connection.send("welcome")

        async def on_message(self, message, sender):
            sender.send(message)

    room = await visitor.define(Greeter)

    socket = await node.open(host, party=room.party, room=room.room_id)
    await socket.send("early")

    assert (await socket.event())["event"] == "open"
    assert await socket.receive() == "welcome"
    assert await socket.receive() == "early"


async def test_r12_binary_frames_stay_binary(node, host, visitor):
    """bytes in, bytes out, every value of a byte, and text beside them."""

    class Echo(Room):
        async def on_message(self, message, sender):
            sender.send(message)

    room = await visitor.define(Echo)
    socket = await node.open(host, party=room.party, room=room.room_id)
    await socket.until("open")

    await socket.send(bytes(range(256)))
    await socket.send("text")
    await socket.send(b"\x00")

    assert await socket.receive() == bytes(range(256))
    assert await socket.receive() == "text"
    assert await socket.receive() == b"\x00"


async def test_r25_the_rooms_subprotocol_is_selected(node, host, visitor):
    """Of what the client offers, the room's first is what both then speak."""

    class Speaker(Room):
        subprotocols = ("v2", "v1")

    room = await visitor.define(Speaker)

    socket = await node.open(
        host, party=room.party, room=room.room_id, protocols=["v1", "v2"]
    )

    assert (await socket.event())["protocol"] == "v2"


async def test_b4_a_rejection_is_seen_and_the_next_token_gets_in(node, host, visitor):
    """The query function is asked again at each connect; Reject's code is visible."""

    class Door(Room):
        @classmethod
        async def on_before_connect(cls, request, lobby):
            if request.GET["token"] != "fresh":
                raise Reject(4401, "token expired")  # noqa: F821

        async def on_message(self, message, sender):
            sender.send(message)

    room = await visitor.define(Door)

    socket = await node.open(
        host, party=room.party, room=room.room_id, tokens=["stale", "fresh"]
    )

    close = await socket.until("close")
    assert (close["code"], close["reason"]) == (4401, "token expired")
    await socket.until("open")
    await socket.send("inside")
    assert await socket.receive() == "inside"


async def test_r33_the_rooms_close_code_reaches_the_client(node, host, visitor):
    """close() of the room is the close event's code and reason; the client is back."""

    class Closer(Room):
        async def on_connect(self, connection, ctx):
            connection.send(ctx.request.GET["token"])

        async def on_message(self, message, sender):
            sender.close(4321, "enough")

    room = await visitor.define(Closer)
    socket = await node.open(
        host, party=room.party, room=room.room_id, tokens=["first", "second"]
    )
    await socket.until("open")
    assert await socket.receive() == "first"

    await socket.send("please")

    close = await socket.event()
    assert close == {"event": "close", "code": 4321, "reason": "enough"}
    await socket.until("open")
    assert await socket.receive() == "second"


async def test_w7_a_room_that_fails_to_connect_closes_with_1011(node, host, visitor):
    """The client sees 1011 without the error's text; what is sound gets in later."""

    class Fragile(Room):
        async def on_connect(self, connection, ctx):
            if ctx.request.GET["token"] == "bad":
                raise RuntimeError("secret")
            connection.send("in")

    room = await visitor.define(Fragile)

    socket = await node.open(
        host, party=room.party, room=room.room_id, tokens=["bad", "good"]
    )

    close = await socket.until("close")
    assert close["code"] == 1011
    assert "secret" not in close["reason"]
    await socket.until("open")
    assert await socket.receive() == "in"


async def test_r13_the_clients_close_code_reaches_the_room(node, host, visitor):
    """close(code, reason) of the client is what on_close finds."""

    class ReportingGateway(Room):
        async def on_close(self, connection):
            end = [connection.close_code, connection.close_reason, connection.was_clean]
            note(self.id, "closed", *end)  # noqa: F821

    room = await visitor.define(ReportingGateway)
    socket = await node.open(host, party=room.party, room=room.room_id)
    await socket.until("open")

    await socket.close(4000, "good night")

    assert await room.notes(until="closed") == [["closed", 4000, "good night", True]]


async def test_h1_fetch_asks_the_same_room_over_http(node, host, visitor):
    """PartySocket.fetch(): path, query, method and body; no connection id."""

    class Desk(Room):
        async def on_request(self, request):
            return {
                "method": request.method,
                "subpath": request.subpath,
                "query": request.query_params.dict(),
                "data": request.data,
            }

    room = await visitor.define(Desk)
    address = {"party": room.party, "room": room.room_id, "path": "a/b"}
    post = {
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"text": "hi"}),
    }

    got = await node.fetch(host, **address)
    posted = await node.fetch(host, post, query={"x": "1"}, **address)

    assert got["status"] == posted["status"] == 200
    assert json.loads(got["body"]) == {
        "method": "GET",
        "subpath": "/a/b",
        "query": {},
        "data": {},
    }
    assert json.loads(posted["body"]) == {
        "method": "POST",
        "subpath": "/a/b",
        "query": {"x": "1"},
        "data": {"text": "hi"},
    }


async def test_a_restarted_server_gets_what_was_said_meanwhile_in_order(node):
    """
    The client comes back by itself, with its id, and its room with what it stored.

    Messages sent while the server was down arrive, in order (SPEC W2, R12, S11).
    """

    class Ledger(Room):
        party = "ledger"

        async def on_start(self):
            self.lines = await self.storage.get("lines", [])

        async def on_message(self, message, sender):
            self.lines.append([sender.id, message])
            self.storage.put("lines", self.lines)
            sender.send_json(self.lines)

    async with serve("uvicorn") as server:
        async with visit(server) as visitor:
            await visitor.define(Ledger)
        socket = await node.open(
            f"127.0.0.1:{server.port}", party="ledger", room="main", id="alice"
        )
        await socket.until("open")
        await socket.send("before")
        assert await socket.receive_json() == [["alice", "before"]]

        await server.kill()
        await socket.until("close")
        for number in range(50):
            await socket.send(f"down {number}")
        await server.start()
        async with visit(server) as visitor:
            # A class that a test sends is gone with its process; until it is there
            # again the client is refused, and comes back all the same.
            await visitor.define(Ledger)

        assert (await socket.until("open"))["id"] == "alice"
        for _ in range(50):
            lines = await socket.receive_json()
        expected = ["before", *(f"down {number}" for number in range(50))]
        assert lines == [["alice", message] for message in expected]


async def test_w7_a_server_that_stops_tells_its_clients_to_come_back(node):
    """A planned restart is a close with 1012 or 1001, and the same client again."""
    async with serve("uvicorn") as server:
        socket = await node.open(f"127.0.0.1:{server.port}", room="lobby")
        first = await socket.until("open")

        await server.restart()

        assert (await socket.until("close"))["code"] in (1001, 1012)
        assert (await socket.until("open"))["id"] == first["id"]
        await socket.send("again")
        assert await socket.receive() == "again"
