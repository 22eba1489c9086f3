"""SPEC 8: methods called by name (P3), circles (P6), sockets of the project's code."""

import asyncio

from partyrooms import CallCycle, CallFailed, parties, rpc
from tests.deadline import DEADLINE
from tests.servers.visitor import Room


async def test_p3_call(define):
    """Only methods marked with `@rpc`; an exception is raised as `CallFailed`."""

    class DeliveryLog(Room):
        balance = 0

        @rpc
        async def pay(self, amount):
            if amount < 0:
                raise ValueError("only deposits")
            self.balance += amount
            self.broadcast(str(self.balance))
            return {"balance": self.balance}

        @rpc
        def look(self):
            return [self.balance, self.id]

        async def secret(self):
            return "never"

    delivery_log = await define(DeliveryLog)
    party, room_id = delivery_log.party, delivery_log.room_id

    class Asking(Room):
        async def on_request(self, request):
            stub = parties[party].get(room_id)
            answers = [await stub.call("pay", 3), await stub.call("look")]
            calls = (("pay", -1), ("secret",), ("pay", object()))
            for name, *args in calls:
                try:
                    await stub.call(name, *args)
                except CallFailed as error:
                    answers.append([error.error_type, error.text])
                except TypeError:
                    answers.append("TypeError")
            return answers

    room = await define(Asking)
    alice = await delivery_log.join("alice")
    paid, looked, raised, unmarked, unsendable = await room.data()

    assert paid == {"balance": 3}
    assert looked == [3, room_id]
    assert raised == ["ValueError", "only deposits"]
    assert "look, pay" in unmarked[1]
    assert unsendable == "TypeError"
    assert await alice.receive() == "3"


async def test_p6_a_room_that_waits_for_itself_through_others(define):
    """It gets `CallCycle` within a second, not a timeout."""

    class Ring(Room):
        @rpc
        async def ask(self, path):
            if not path:
                return self.id
            stub = self.parties[self.party].get(path[0])
            try:
                return await stub.call("ask", path[1:])
            except CallCycle as error:
                return f"{self.id}: {error}"

        async def on_request(self, request):
            return [await self.ask(request.data)]

    room = await define(Ring)
    async with asyncio.timeout(DEADLINE):
        (through,) = await room.data("POST", json=["b", "c"])
        (itself,) = await room.data("POST", json=[room.room_id])
        (circle,) = await room.data("POST", json=["b", "c", room.room_id])

    assert through == "c"
    assert itself.startswith(f"{room.room_id}: {room.key} waits for {room.key}")
    assert circle.startswith(f"c: {room.key} waits for {room.party}/b waits for")


async def test_p6_rooms_that_ask_each_other_at_the_same_moment(define):
    """One of them gets `CallCycle`, the other one its answer."""

    class Couple(Room):
        arrived = []  # noqa: RUF012 - shared by both, on purpose
        both = asyncio.Event()

        @rpc
        async def look(self):
            return "answer"

        async def on_request(self, request):
            self.arrived.append(self.id)
            if len(self.arrived) == 2:
                self.both.set()
            await self.both.wait()
            stub = self.parties[self.party].get(request.query_params["other"])
            try:
                return [await stub.call("look")]
            except CallCycle:
                return ["cycle"]

    one = await define(Couple)
    two = one.other()
    async with asyncio.timeout(DEADLINE):
        answers = await asyncio.gather(
            one.data(params={"other": two.room_id}),
            two.data(params={"other": one.room_id}),
        )

    assert sorted(answers) == [["answer"], ["cycle"]]


async def test_p4_a_socket_of_the_projects_own_code(define):
    """`async with lobby.socket() as socket`: an in-process WebSocket to the room."""

    class Echo(Room):
        async def on_connect(self, connection, ctx):
            self.broadcast(f"hello {connection.id}")

        async def on_message(self, message, sender):
            if message == "leave":
                sender.close(4003, "as asked")
            sender.send(message)

        async def on_close(self, connection):
            self.broadcast(f"bye {connection.id}")

    echo = await define(Echo)
    party, room_id = echo.party, echo.room_id

    class Asking(Room):
        async def on_request(self, request):
            stub = parties[party].get(room_id)
            async with stub.socket(query={"_pk": "bot"}) as socket:
                await socket.send("hi")
                await socket.send(b"\x00")
                await socket.send("leave")
                heard = [repr(message) async for message in socket]
            return [heard, socket.close_code, socket.close_reason]

    room = await define(Asking)
    alice = await echo.join("alice")
    heard, *closing = await room.data()

    assert heard == ["'hello bot'", "'hi'", "b'\\x00'"]
    assert closing == [4003, "as asked"]
    assert await alice.receive_until("bye bot") == ["hello alice", "hello bot"]
