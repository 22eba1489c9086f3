"""SPEC R12, R19, R20: frames in, frames out, and who gets them."""

import asyncio
import json

import pytest

from tests.servers.visitor import Room

MANY = 10_000

PAYLOADS = [
    "",
    "plain",
    "é \N{GRINNING FACE} \x00\x7f",
    '{"looks": "like JSON"}',
    b"",
    b"plain",
    bytes(range(256)),
    "x" * 100_000,
    b"\xff" * 100_000,
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: f"{p[:8]!r}")
async def test_r12_payloads_arrive_unchanged(define, payload):
    """`str` for a text frame, `bytes` for a binary one."""

    class Look(Room):
        async def on_message(self, message, sender):
            kind = type(message).__name__
            raw = message.encode() if isinstance(message, str) else message
            sender.send_json([kind, raw.hex()])

    room = await define(Look)
    alice = await room.join("alice")
    await alice.send(payload)

    raw = payload.encode() if isinstance(payload, str) else payload
    assert await alice.receive_json() == [type(payload).__name__, raw.hex()]


async def test_r12_fragments_are_one_message(define):
    """A message in several frames arrives as one."""

    class Echo(Room):
        async def on_message(self, message, sender):
            sender.send(message)

    room = await define(Echo)
    alice = await room.join("alice")
    await alice.send(["a", "b", "ç"])
    assert await alice.receive() == "abç"
    await alice.send([b"a", b"\xff"])
    assert await alice.receive() == b"a\xff"


async def test_r12_frames_keep_their_order(define):
    """10,000 frames of one connection are handled and answered in order."""

    class Ordered(Room):
        async def on_start(self):
            self.seen = []

        async def on_message(self, message, sender):
            self.seen.append(int(message))
            sender.send(message)

        async def on_request(self, request):
            return {"ordered": self.seen == list(range(len(self.seen)))}

    room = await define(Ordered)
    alice = await room.join("alice")

    async def send():
        for number in range(MANY):
            await alice.send(str(number))

    sending = asyncio.create_task(send())
    answers = [await alice.receive() for _ in range(MANY)]
    await sending

    assert answers == [str(number) for number in range(MANY)]
    assert await room.data() == {"ordered": True}


async def test_r12_g1_messages_of_a_room_are_handled_one_at_a_time(define):
    """Each hook runs to its end before the next event, also where it awaits."""

    class Exclusive(Room):
        inside = 0
        most = 0

        async def on_message(self, message, sender):
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.storage.get("anything")
            await asyncio.sleep(0)
            self.inside -= 1
            sender.send(str(self.most))

        async def on_request(self, request):
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(0)
            self.inside -= 1
            return {"most": self.most}

    room = await define(Exclusive)
    sockets = [await room.join(f"client-{n}") for n in range(4)]
    for _ in range(25):
        for socket in sockets:
            await socket.send("go")
    asked = await asyncio.gather(*(room.data() for _ in range(5)))
    answers = [await socket.receive() for socket in sockets for _ in range(25)]

    assert set(answers) == {"1"}
    assert asked == [{"most": 1}] * 5


async def test_r19_broadcast_reaches_everyone_but_without(define):
    """The sender as well, unless its id is in `without`; text and binary alike."""

    class Speaker(Room):
        async def on_message(self, message, sender):
            self.broadcast("to all")
            self.broadcast(b"\x00\xff")
            self.broadcast("without alice", without=["alice"])
            self.broadcast("without two", without=("alice", "bob", "nobody"))
            self.broadcast("without all", without={"alice", "bob", "carol"})
            self.broadcast("end")

    room = await define(Speaker)
    alice, bob, carol = [await room.join(name) for name in ("alice", "bob", "carol")]
    await alice.send("go")

    everyone = ["to all", b"\x00\xff"]
    assert await alice.receive_until("end") == everyone
    assert await bob.receive_until("end") == [*everyone, "without alice"]
    expected = [*everyone, "without alice", "without two"]
    assert await carol.receive_until("end") == expected


async def test_r19_broadcast_json(define):
    """Encodes once, as JSON text."""

    class Speaker(Room):
        async def on_message(self, message, sender):
            self.broadcast_json({"text": "é", "list": [1, None]}, without=["bob"])
            self.broadcast("end")

    room = await define(Speaker)
    alice, bob = await room.join("alice"), await room.join("bob")
    await alice.send("go")

    assert await alice.receive_json() == {"text": "é", "list": [1, None]}
    assert await bob.receive_until("end") == []


async def test_r19_a_broadcast_stays_in_its_room(define):
    """Another room of the same party hears nothing."""

    class Speaker(Room):
        async def on_message(self, message, sender):
            self.broadcast(message)

    room = await define(Speaker)
    alice, bob = await room.join("alice"), await room.other().join("bob")

    assert await alice.ask("here") == "here"
    assert await bob.ask("there") == "there"


@pytest.mark.parametrize("method", ["broadcast", "send"])
async def test_r19_r31_other_types_are_refused(define, method):
    """A `TypeError` that says what to call instead."""

    class Wrong(Room):
        async def on_message(self, message, sender):
            call = self.broadcast if message == "broadcast" else sender.send
            texts = []
            for value in ({"a": 1}, ["a"], None, 1, bytearray(b"a")):
                try:
                    call(value)
                except TypeError as error:
                    texts.append(str(error))
            sender.send_json(texts)

    room = await define(Wrong)
    alice = await room.join("alice")
    texts = json.loads(await alice.ask(method))

    assert len(texts) == 5
    assert all(f"{method}_json" in text for text in texts)


async def test_r19_one_order_for_all(define):
    """Every client sees the room's broadcasts in the same order."""

    class Speaker(Room):
        async def on_message(self, message, sender):
            self.broadcast(f"{sender.id} {message}")

    room = await define(Speaker)
    sockets = [await room.join(f"client-{n}") for n in range(5)]

    async def speak(socket):
        for number in range(40):
            await socket.send(str(number))

    await asyncio.gather(*map(speak, sockets))
    heard = [[await socket.receive() for _ in range(200)] for socket in sockets]

    assert all(frames == heard[0] for frames in heard)
    for n in range(5):
        own = [f for f in heard[0] if f.startswith(f"client-{n} ")]
        assert own == [f"client-{n} {number}" for number in range(40)]


async def test_r20_connections_are_found_by_id_and_tag(define):
    """None for an unknown id; all, or those with a tag."""

    class Directory(Room):
        async def get_connection_tags(self, connection, ctx):
            return ctx.request.GET.getlist("tag")

        async def on_request(self, request):
            def ids(tag=None):
                return [connection.id for connection in self.get_connections(tag)]

            alice = self.get_connection("alice")
            return {
                "alice": alice and alice.id,
                "nobody": self.get_connection("nobody"),
                "by tag as id": self.get_connection("red"),
                "all": ids(),
                "red": ids("red"),
                "blue": ids("blue"),
                "none": ids("none"),
                "own id": ids("bob"),
            }

    room = await define(Directory)
    assert (await room.data())["all"] == []
    await room.join("alice", query={"tag": "red"})
    await room.join("bob", query={"tag": "blue"})
    carol = await room.join("carol", query={"tag": "red"})

    assert await room.data() == {
        "alice": "alice",
        "nobody": None,
        "by tag as id": None,
        "all": ["alice", "bob", "carol"],
        "red": ["alice", "carol"],
        "blue": ["bob"],
        "none": [],
        "own id": ["bob"],
    }
    await carol.close()
    assert (await room.data())["red"] == ["alice"]


async def test_r20_the_list_may_change_while_it_is_walked_through(define):
    """`get_connections()` is an iterator that a `close()` does not break."""

    class Closing(Room):
        async def on_request(self, request):
            for connection in self.get_connections():
                connection.close(4000)
            return {"left": len(list(self.get_connections()))}

    room = await define(Closing)
    sockets = [await room.join(f"client-{n}") for n in range(3)]

    assert await room.data() == {"left": 0}
    assert [(await socket.closed())[0] for socket in sockets] == [4000] * 3
