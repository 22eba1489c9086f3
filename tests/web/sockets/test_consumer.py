"""The consumer: one socket, from the admitted handshake to the one on_close."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.web.sockets import consumer as consumer_module
from tests.loop_clock import pass_time
from tests.runtime.stage import PATIENCE, on_stage, patiently, turns_of_the_loop
from tests.web.sockets.server import WAIT, Server


class Served(Room):
    """Notes what it is told, in a list on the class's own test."""

    party = "served"

    async def on_start(self):
        self.notes = []
        self.on = asyncio.Event()
        self.inside = asyncio.Event()

    async def on_connect(self, connection, ctx):
        self.notes.append(f"connect {connection.id}")
        connection.send("hello")

    async def on_message(self, message, sender):
        self.notes.append(message)
        if message == "hang":
            self.inside.set()
            await self.on.wait()
        elif message == "close":
            sender.close(4001, "as asked")
        elif message == "raise":
            raise ValueError
        elif message == "broadcast":
            self.broadcast("x" * 600)
        else:
            sender.send(message)

    async def on_error(self, connection, error):
        self.notes.append(f"error {type(error).__name__}")

    async def on_close(self, connection):
        clean = "" if connection.was_clean else " unclean"
        reason = f" {connection.close_reason}" if connection.close_reason else ""
        self.notes.append(
            f"close {connection.id} {connection.close_code}{reason}{clean}"
        )

    async def on_exception(self, error, connection): ...


class HangingConnect(Served):
    """Lets in when it is told to."""

    party = "served-hanging"

    async def on_connect(self, connection, ctx):
        await super().on_connect(connection, ctx)
        self.inside.set()
        await self.on.wait()


async def notes(room, count):
    """The room's notes once there are so many, and nothing is under way."""
    async with asyncio.timeout(PATIENCE):
        # The room knows of no event that a test could wait for.
        while room.worker.life is None or len(room.instance.notes) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)
    await patiently(room.worker.until_idle())
    return room.instance.notes


async def test_r11_the_socket_is_accepted_after_on_connect():
    """R11: what on_connect sends arrives first; nothing else is sent before."""
    async with on_stage(HangingConnect) as room:
        server = Server(HangingConnect).start()
        server.frame("early")
        await turns_of_the_loop(50)
        before = list(server.sent)

        room.instance.on.set()
        await server.until(3)

        assert before == []
        assert [event["type"] for event in server.sent] == [
            "websocket.accept",
            "websocket.send",
            "websocket.send",
        ]
        assert server.payloads == ["hello", "early"]


async def test_r25_the_handshake_is_answered_with_subprotocol_and_headers():
    """R25: and cookies."""
    headers = [(b"set-cookie", b"a=1")]
    async with on_stage(Served):
        server = Server(Served, subprotocol="v1", headers=headers)

        await server.accepted()

        assert server.sent[0] == {
            "type": "websocket.accept",
            "subprotocol": "v1",
            "headers": headers,
        }


async def test_r12_frames_reach_the_room_as_they_are():
    """R12: text as str, bytes as bytes, in order."""
    async with on_stage(Served):
        server = await Server(Served).accepted()

        server.frame("é")
        server.frame(b"\x00")
        server.frame("")
        await server.until(5)

        assert server.payloads == ["hello", "é", b"\x00", ""]


async def test_r11_props_of_the_before_hook_reach_on_connect():
    """B2: and the request, as MIDDLEWARE left it."""
    seen = []

    class Propped(Served):
        party = "served-propped"

        async def on_connect(self, connection, ctx):
            seen.append((ctx.props, ctx.request.path))

    async with on_stage(Propped):
        server = Server(Propped)
        server.scope["partyrooms"].props = {"name": "Alice"}
        server.scope["partyrooms"].request.path = "/x"
        await server.accepted()

        assert seen == [({"name": "Alice"}, "/x")]


async def test_w10_a_handshake_that_takes_too_long_is_denied(caplog):
    """W10: 503, come back; one line in the log, and the room hears of the end."""
    async with on_stage(HangingConnect) as room:
        server = Server(HangingConnect).start()
        await turns_of_the_loop(50)
        pass_time(WAIT)
        await server.ended()
        room.instance.on.set()

        found = await notes(room, 2)

        assert server.status == 503
        assert (b"retry-after", b"1") in server.sent[0]["headers"]
        assert found == ["connect alice", "close alice 1006 unclean"]
        assert [record.getMessage() for record in caplog.records] == [
            f"Denied a handshake to {room.key} with 503: the room did not answer "
            "within CONNECT_TIMEOUT"
        ]


async def test_w10_a_full_mailbox_counts_towards_the_time_of_the_handshake():
    """W10, G6: the room never hears of the client."""
    async with on_stage(Served, mailbox_size=1) as room:
        alice = await Server(Served).accepted()
        alice.frame("hang")
        await patiently(room.instance.inside.wait())
        alice.frame("full")
        await turns_of_the_loop()

        bob = Server(Served, "bob").start()
        await turns_of_the_loop(50)
        pass_time(WAIT)
        await bob.ended()
        room.instance.on.set()
        found = await notes(room, 3)

        assert bob.status == 503
        assert found == ["connect alice", "hang", "full"]


async def test_w10_the_time_of_an_accepted_socket_is_not_limited():
    """W10: the deadline is the handshake's."""
    async with on_stage(Served):
        server = await Server(Served).accepted()
        pass_time(WAIT + 1)
        await turns_of_the_loop(50)

        server.frame("hi")
        await server.until(3)

        assert server.payloads == ["hello", "hi"]


async def test_w10_an_accept_at_the_very_deadline_leaves_the_room_alone():
    """D8: the consumer's time is up but it has not ended yet; the room goes on."""
    cancelled, go = asyncio.Event(), asyncio.Event()

    class Slow(Served):
        party = "served-slow"

        async def on_connect(self, connection, ctx):
            if connection.id == "alice":
                await cancelled.wait()
                self.broadcast("alice came")

    async with on_stage(Slow) as room:
        bob = await Server(Slow, "bob").accepted()
        server = Server(Slow)

        async def receive():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                await go.wait()
                raise

        server.receive = receive
        server.start()
        await turns_of_the_loop(50)
        pass_time(WAIT)
        await patiently(cancelled.wait())
        await patiently(room.worker.until_idle())
        go.set()
        await server.ended()

        assert server.task.exception() is None
        assert (await bob.until(2))[1]["text"] == "alice came"
        assert await notes(room, 1) == ["close alice 1006 unclean"]


async def test_w6_a_client_that_leaves_is_reported_with_its_code():
    """R13, W6: code and reason as they came."""
    async with on_stage(Served) as room:
        server = await Server(Served).accepted()

        server.leave(4007, "bye")
        await server.ended()

        assert await notes(room, 2) == ["connect alice", "close alice 4007 bye"]


@pytest.mark.parametrize(
    ("code", "reason", "version", "told"),
    [
        (1006, "", "2.4", "1006 unclean"),
        (1005, None, "2.4", "1006 unclean"),  # uvicorn: the connection broke
        (1005, "", "2.4", "1005"),  # a frame without a code
        (1005, None, "2.0", "1005"),  # Daphne never says the reason
        (None, "", "2.4", "1005"),
    ],
)
async def test_r13_a_broken_connection_is_1006(code, reason, version, told):
    """R13: and was_clean is False where no close frame came."""
    async with on_stage(Served) as room:
        server = Server(Served)
        server.scope["asgi"]["spec_version"] = version
        await server.accepted()

        server.leave(code, reason)
        await server.ended()

        assert (await notes(room, 2))[-1] == f"close alice {told}"


async def test_r13_a_client_that_leaves_before_on_connect_was_never_there():
    """R13: its event waited; neither on_connect nor on_close hears of it."""
    async with on_stage(Served) as room:
        alice = await Server(Served).accepted()
        alice.frame("hang")
        await patiently(room.instance.inside.wait())
        bob = Server(Served, "bob").start()
        bob.leave()
        await bob.ended()

        room.instance.on.set()
        alice.frame("done")
        found = await notes(room, 3)

        assert found == ["connect alice", "hang", "done"]
        assert bob.sent == []


async def test_r13_a_client_that_leaves_during_on_connect_is_heard_of_once():
    """R13: nothing is sent to it."""
    async with on_stage(HangingConnect) as room:
        server = Server(HangingConnect).start()
        await turns_of_the_loop(50)
        server.leave(1001)
        await server.ended()

        room.instance.on.set()
        found = await notes(room, 2)

        assert found == ["connect alice", "close alice 1001"]
        assert server.sent == []


async def test_r13_also_if_the_room_leaves_memory_in_between():
    """R13, R24: it reached on_connect in the one life; the next hears that it left."""
    async with on_stage(HangingConnect) as room:
        server = Server(HangingConnect).start()
        await turns_of_the_loop(50)
        first = room.instance
        hibernating = asyncio.create_task(room.hibernate())
        await turns_of_the_loop()
        server.leave(1001)
        await server.ended()

        first.on.set()
        await patiently(hibernating)

        assert first.notes == ["connect alice"]
        assert await notes(room, 1) == ["close alice 1001"]


async def test_r33_a_room_closes_a_socket_behind_what_it_sent():
    """R33: what the client sends after that is not handled; on_close comes once."""
    async with on_stage(Served) as room:
        server = await Server(Served).accepted()

        server.frame("hi")
        server.frame("close")
        await server.until(4)
        server.frame("late")
        server.leave(4001, "as asked")
        await server.ended()

        assert server.sent[-1] == {
            "type": "websocket.close",
            "code": 4001,
            "reason": "as asked",
        }
        assert await notes(room, 4) == [
            "connect alice",
            "hi",
            "close",
            "close alice 4001 as asked",
        ]


async def test_w7_a_frame_that_is_too_big_ends_the_connection():
    """R14, W7: 1009; on_error, then on_close; the frame is not handled."""
    async with on_stage(Served, max_message_size=8) as room:
        server = await Server(Served).accepted()

        server.frame("x" * 8)
        await server.until(3)
        server.frame("é" * 5)
        await server.until(4)
        server.frame("late")
        server.leave(1009)
        await server.ended()

        assert server.closed == 1009
        assert await notes(room, 4) == [
            "connect alice",
            "x" * 8,
            "error MessageTooBig",
            "close alice 1009 message too big unclean",
        ]


async def test_r26_a_class_sets_its_own_size_of_frames():
    """R26: max_message_size."""

    class Small(Served):
        party = "served-small"
        max_message_size = 2

    async with on_stage(Small):
        server = await Server(Small).accepted()

        server.frame(b"123")
        await server.until(3)

        assert server.closed == 1009


@pytest.mark.parametrize("place", ["class", "setting"])
async def test_r26_a_client_over_its_rate_is_closed(place):
    """R14, R26: 1008, on the node's clock."""

    class Rated(Served):
        party = f"served-rated-{place}"
        message_rate = "2/s" if place == "class" else None

    settings = {} if place == "class" else {"message_rate": "2/s"}
    async with on_stage(Rated, **settings) as room:
        server = await Server(Rated).accepted()
        server.frame("1")
        server.frame("2")
        await server.until(4)
        room.pass_time(1.0)
        server.frame("3")
        await server.until(5)

        server.frame("4")
        await server.until(6)
        server.frame("5")
        await server.until(7)

        assert server.closed == 1008
        assert (await notes(room, 7))[-2:] == [
            "error RateExceeded",
            "close alice 1008 message rate exceeded unclean",
        ]


async def test_d7_a_client_that_does_not_read_is_closed():
    """D7: 3008; on_error and on_close hear of it at once, the others feel nothing."""
    async with on_stage(Served, max_queued_bytes=1000) as room:
        alice = await Server(Served).accepted()
        bob = await Server(Served, "bob").accepted()
        await bob.until(2)
        alice.writable.clear()

        for _ in range(3):
            bob.frame("broadcast")
        await bob.until(5)
        found = await notes(room, 7)
        alice.writable.set()
        await alice.until(4)

        assert len(bob.payloads) == 4
        assert alice.closed == 3008
        assert len(alice.payloads) == 2  # The one that was under way got through.
        assert [note for note in found[2:] if note != "broadcast"] == [
            "error TooSlow",
            "close alice 3008 too slow unclean",
        ]


async def test_d7_a_client_that_takes_no_close_frame_is_given_up(monkeypatch):
    """D7: after LAST_WORDS the consumer ends; its send is cancelled."""
    monkeypatch.setattr(consumer_module, "LAST_WORDS", 0.05)
    async with on_stage(Served) as room:
        server = await Server(Served).accepted()
        await server.until(2)
        server.writable.clear()

        server.frame("close")
        await server.ended()

        assert server.task.exception() is None
        assert server.closed is None
        assert (await notes(room, 3))[-1].startswith("close alice 4001")


@pytest.mark.parametrize(
    "error", [OSError("gone"), RuntimeError("late"), asyncio.CancelledError()]
)
async def test_a_server_that_cannot_send_harms_nobody_else(error):
    """D8: whatever it raises; the end is reported when the server says so."""
    async with on_stage(Served) as room:
        alice = await Server(Served).accepted()
        bob = await Server(Served, "bob").accepted()
        await alice.until(2)
        await bob.until(2)
        alice.error = error

        bob.frame("broadcast")
        bob.frame("on")
        await bob.until(4)
        alice.leave(1006)
        await alice.ended()

        assert bob.payloads[-1] == "on"
        assert (await notes(room, 5))[-1] == "close alice 1006 unclean"


async def test_a_close_code_that_the_server_refuses_is_its_own_error():
    """Daphne closes with 1011 the socket of a consumer that raises."""

    class UnknownCode(Exception):
        pass

    async with on_stage(Served) as room:
        server = await Server(Served).accepted()
        await server.until(2)
        server.error = UnknownCode()

        server.frame("close")
        task = await server.ended()

        assert isinstance(task.exception(), UnknownCode)
        assert (await notes(room, 3))[-1].startswith("close alice 4001")


@pytest.mark.parametrize("moment", ["during on_connect", "afterwards"])
async def test_r13_a_consumer_that_is_cancelled_reports_the_end(moment):
    """R13: a server that shuts down cancels it; on_close hears of it once."""
    async with on_stage(HangingConnect) as room:
        server = Server(HangingConnect).start()
        await turns_of_the_loop(50)
        if moment == "afterwards":
            room.instance.on.set()
            await server.until(2)

        server.task.cancel()
        task = await server.ended()
        room.instance.on.set()

        assert task.cancelled()
        assert await notes(room, 2) == ["connect alice", "close alice 1006 unclean"]


async def test_g6_a_gateway_waits_for_space_before_it_reads_on():
    """G6: the client feels that nobody reads."""
    async with on_stage(Served, mailbox_size=3) as room:
        server = await Server(Served).accepted()
        server.frame("hang")
        await patiently(room.instance.inside.wait())
        for number in range(10):
            server.frame(str(number))
        await turns_of_the_loop(100)
        unread = server._events.qsize()

        room.instance.on.set()
        await server.until(12)

        assert unread == 7
        assert server.payloads[1:] == [str(number) for number in range(10)]


async def test_p4_a_stopped_room_closes_its_sockets_once():
    """P4, R13: 1012; what the server says afterwards is nobody's event."""
    async with on_stage(Served) as room:
        server = await Server(Served).accepted()
        first = room.instance

        await patiently(room.stop())
        server.leave(1012)
        await server.ended()
        await patiently(room.worker.until_idle())

        assert server.closed == 1012
        assert first.notes == ["connect alice", f"close alice {_stopped()}"]
        assert not room.is_running


async def test_d6_a_node_that_is_leaving_takes_no_handshake():
    """D6: 503, come back."""
    async with on_stage(Served) as room:
        room.node.is_leaving = True

        server = Server(Served).start()
        await server.ended()

        assert server.status == 503
        assert room.key not in room.store.tables.records


async def test_r10_a_room_that_does_not_start_accepts_and_closes():
    """R10: 1011, so that a browser sees the code; nothing is reported."""

    class Broken(Served):
        party = "served-broken"

        async def on_start(self):
            raise ValueError

    async with on_stage(Broken):
        server = Server(Broken).start()
        await server.until(2)
        server.leave(1011)
        await server.ended()

        assert [event["type"] for event in server.sent] == [
            "websocket.accept",
            "websocket.close",
        ]
        assert server.closed == 1011


def _stopped():
    code, reason = 1012, "the room was stopped; come back"
    return f"{code} {reason}"
