"""SPEC R30-R33: a connection's members."""

import json

import pytest

from tests.servers.site.journal import note
from tests.servers.visitor import Room


async def test_r30_what_the_handshake_says(define, visitor):
    """`id`, `uri`, `tags`; `user_id` is the Django user's key as text, or None."""

    class Look(Room):
        async def on_connect(self, connection, ctx):
            connection.send_json(
                [
                    connection.id,
                    connection.uri,
                    list(connection.tags),
                    connection.user_id,
                ]
            )

    room = await define(Look)
    alice = await room.join("alice", path="/a%20b", query={"x": "1 2"})
    uri = f"{room.path}/a%20b?_pk=alice&x=1+2"
    assert await alice.receive_json() == ["alice", uri, ["alice"], None]

    user = await visitor.login("ada")
    bob = await room.join("bob")
    uri = f"{room.path}?_pk=bob"
    assert await bob.receive_json() == ["bob", uri, ["bob"], user["id"]]


async def test_r31_frames_leave_in_order(define):
    """`send` and `send_json` queue; text, binary and JSON keep their order."""

    class Talker(Room):
        async def on_message(self, message, sender):
            for number in range(100):
                sender.send(f"text {number}")
                sender.send(b"%d" % number)
                sender.send_json([number])

    room = await define(Talker)
    alice = await room.join("alice")
    await alice.send("go")
    frames = [await alice.receive() for _ in range(300)]

    assert frames == [
        frame for n in range(100) for frame in (f"text {n}", b"%d" % n, f"[{n}]")
    ]


async def test_r31_empty_frames(define, on):
    """An empty text or binary frame is a frame."""

    class Talker(Room):
        async def on_message(self, message, sender):
            sender.send("")
            sender.send(b"")
            sender.send("end")

    room = await define(Talker)
    alice = await room.join("alice")
    await alice.send("go")

    frames = await alice.receive_until("end")
    assert frames == on(uvicorn=["", b""], daphne=[], instead="sends no empty frames")


async def test_r31_sending_to_a_closed_connection_does_nothing(define):
    """No error, nothing sent, and the others get theirs."""

    class Late(Room):
        async def on_message(self, message, sender):
            bob = self.get_connection("bob")
            bob.close(4000)
            bob.send("too late")
            bob.send_json({"too": "late"})
            self.broadcast("to the others")

        async def on_close(self, connection):
            connection.send("much too late")
            note(self.id, "close", connection.id)

    room = await define(Late)
    alice, bob = await room.join("alice"), await room.join("bob")

    assert await alice.ask("go") == "to the others"
    assert (await bob.closed())[0] == 4000
    assert await room.notes(until="close") == [["close", "bob"]]


async def test_r31_send_json_refuses_what_json_has_not(define):
    """A `TypeError`, and the connection stays."""

    class Wrong(Room):
        async def on_message(self, message, sender):
            try:
                sender.send_json({"a": {1, 2}})
            except TypeError as error:
                sender.send(type(error).__name__)

    room = await define(Wrong)
    alice = await room.join("alice")

    assert await alice.ask("go") == "TypeError"


async def test_r31_an_error_names_the_path(define):
    """`$.players[1].position`; the connection stays."""

    class Wrong(Room):
        async def on_message(self, message, sender):
            wrong = {"players": [1, {"position": object()}]}
            found = []
            keep = self.storage.put
            for use in (sender.send_json, sender.set_state, lambda v: keep("k", v)):
                try:
                    use(wrong)
                except TypeError as error:
                    found.append(str(error).split()[0])
            sender.send_json(found)

    room = await define(Wrong)
    alice = await room.join("alice")

    assert json.loads(await alice.ask("go")) == ["$.players[1].position"] * 3


async def test_r32_state_is_kept_with_the_socket(define):
    """Starts as None; a value or a callable; changing what was read changes nothing."""

    class Stateful(Room):
        async def on_connect(self, connection, ctx):
            connection.send_json(connection.state)
            connection.set_state({"name": connection.id, "list": [1]})

        async def on_message(self, message, sender):
            sender.state["list"].append(2)
            first = sender.state
            sender.set_state(lambda state: {**state, "more": True})
            second = sender.state
            sender.set_state(None)
            sender.send_json([first, second, sender.state])

    room = await define(Stateful)
    alice = await room.join("alice")

    assert await alice.receive_json() is None
    assert json.loads(await alice.ask("go")) == [
        {"name": "alice", "list": [1]},
        {"name": "alice", "list": [1], "more": True},
        None,
    ]


async def test_r32_limits_of_state(define):
    """JSON-able, at most 16 KiB; else an error, and the state stays as it was."""

    class Stateful(Room):
        async def on_message(self, message, sender):
            outcomes = []
            fits = "x" * (16 * 1024 - 2)  # the quotes count
            for value in (fits, f"{fits}x", {1, 2}, object()):
                try:
                    sender.set_state(value)
                    outcomes.append("kept")
                except (TypeError, ValueError) as error:
                    outcomes.append(type(error).__name__)
            sender.send_json([outcomes, sender.state == fits])

    room = await define(Stateful)
    alice = await room.join("alice")

    outcomes = ["kept", "ValueError", "TypeError", "TypeError"]
    assert json.loads(await alice.ask("go")) == [outcomes, True]


async def test_r32_state_outlives_the_rooms_memory(define):
    """Each connection has its own; other connections and events see it."""

    class Stateful(Room):
        async def on_message(self, message, sender):
            sender.set_state(message)
            sender.send("kept")

        async def on_request(self, request):
            return {c.id: c.state for c in self.get_connections()}

    room = await define(Stateful)
    alice, bob = await room.join("alice"), await room.join("bob")
    await alice.ask("a")
    await bob.ask("b")

    assert await room.data() == {"alice": "a", "bob": "b"}


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (3000, "x" * 123), (4000, "é"), (4999, "bye")]
)
async def test_r33_close_with_a_code(define, on, code, reason):
    """1000 or 3000-4999 with a reason; frames sent before arrive before."""

    class Closing(Room):
        async def on_message(self, message, sender):
            sender.send("last words")
            sender.close(code, reason)
            sender.close(4444, "only the first counts")

    room = await define(Closing)
    alice = await room.join("alice")

    assert await alice.ask("go") == "last words"
    shown = on(uvicorn=reason, daphne="", instead="the code without its reason")
    assert await alice.closed() == (code, shown)


async def test_r33_codes_and_reasons_that_cannot_be_sent(define):
    """A `ValueError`; the connection stays open."""

    class Closing(Room):
        async def on_message(self, message, sender):
            refused = []
            for code in (0, 999, 1001, 1005, 1006, 1015, 2999, 5000):
                try:
                    sender.close(code)
                except ValueError:
                    refused.append(code)
            for reason in ("x" * 124, "é" * 62):
                try:
                    sender.close(4000, reason)
                except ValueError:
                    refused.append(len(reason))
            sender.send_json(refused)

    room = await define(Closing)
    alice = await room.join("alice")

    refused = [0, 999, 1001, 1005, 1006, 1015, 2999, 5000, 124, 62]
    assert json.loads(await alice.ask("go")) == refused
    assert json.loads(await alice.ask("go")) == refused


async def test_r33_close_in_on_connect(define, on):
    """The socket is accepted, then closed with the code: a browser can see it."""

    class Closing(Room):
        async def on_connect(self, connection, ctx):
            connection.send("sorry")
            connection.close(4003, "full")

        async def on_close(self, connection):
            note(self.id, "close", connection.id, connection.close_code)

        async def on_request(self, request):
            return {"left": len(list(self.get_connections()))}

    room = await define(Closing)
    alice = await room.join("alice")

    assert await alice.receive() == "sorry"
    shown = on(uvicorn="full", daphne="", instead="the code without its reason")
    assert await alice.closed() == (4003, shown)
    assert await room.notes(until="close") == [["close", "alice", 4003]]
    assert await room.data() == {"left": 0}


async def test_r33_close_in_the_other_hooks(define, on):
    """In `on_request` and `on_error`; a no-op in `on_close`, once per connection."""

    class Closing(Room):
        max_message_size = 10

        async def on_request(self, request):
            self.get_connection("alice").close(4001)
            return {}

        async def on_error(self, connection, error):
            connection.close(4002)

        async def on_close(self, connection):
            connection.close(4009)
            note(self.id, "close", connection.id)

    room = await define(Closing)
    alice, bob, carol = [await room.join(name) for name in ("alice", "bob", "carol")]
    await room.data()
    assert (await alice.closed())[0] == 4001
    await bob.send("longer than ten")
    # The room may choose what its client sees; that it is closed it may not.
    assert (await bob.closed())[0] in (4002, on(uvicorn=1009, daphne=1011))
    await carol.close(4003)

    notes = await room.notes(until="close", times=3)
    assert notes == [["close", "alice"], ["close", "bob"], ["close", "carol"]]
