"""The outbox: in order, bounded, and never in anybody's way."""

import asyncio
import itertools

import pytest

from partyrooms.core.frames import Frame, Profile
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.delivery.local_socket import LocalSocket
from tests.runtime.stage import patiently, turns_of_the_loop

ACCEPT = {"type": "websocket.accept"}


class Socket:
    """A keeper with an outbox, and a server whose sends end when they are told to."""

    def __init__(self, max_queued=100, wire=None):
        self.heard = []
        self.sent = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.audience = LocalAudience()
        self.socket = LocalSocket(
            Profile(id="alice", uri="/", user_id=None),
            observer=self,
            audience=self.audience,
            send=self.send,
            accept_event=ACCEPT,
            max_queued=max_queued,
            wire=wire,
        )

    async def send(self, event):
        while not self.writable.is_set():
            await self.writable.wait()
        self.sent.append(event)

    def answered(self):
        self.heard.append("answered")

    def overflowed(self):
        self.heard.append("overflowed")

    def ending(self):
        self.heard.append("ending")

    def refused(self, error):
        self.heard.append(error)

    def accepted(self):
        self.socket.accept(("alice",))
        self.heard.clear()
        return self

    @property
    def texts(self):
        return [event["text"] for event in self.sent if "text" in event]


async def test_sending_takes_no_task_while_the_server_takes_everything():
    """What is put in has been sent when the call returns."""
    socket = Socket().accepted()

    socket.socket.send(Frame("a"))
    socket.socket.send(Frame("b"))

    assert socket.texts == ["a", "b"]
    assert len(asyncio.all_tasks()) == 1


class Wire:
    """A server's shorter way, which keeps what it wrote among what was sent."""

    def __init__(self):
        self.is_paused = False
        self.encoded = 0
        self.socket = None

    def encode(self, payload):
        self.encoded += 1
        return f"<{payload}>".encode()

    def write(self, frame):
        self.socket.sent.append({"text": frame})


def wired(**options):
    socket = Socket(wire=Wire(), **options)
    socket.wire = socket.socket._wire
    socket.wire.socket = socket
    return socket.accepted()


async def test_a_frame_is_made_once_for_all_sockets_of_a_server_with_a_wire():
    """Its bytes are written to each; nothing else goes that way."""
    sockets = [wired(), wired()]
    frame = Frame("a")

    for socket in sockets:
        socket.socket.send(frame)
        socket.socket.close((1000, ""))

    assert sum(socket.wire.encoded for socket in sockets) == 1
    for socket in sockets:
        accepted, sent, closed = socket.sent
        assert accepted == ACCEPT
        assert sent == {"text": b"<a>"}
        assert closed["type"] == "websocket.close"


async def test_d7_a_wire_whose_client_does_not_keep_up_is_not_written_to():
    """The same order and the same bound as without a wire; then it is used again."""
    socket = wired(max_queued=3)
    socket.wire.is_paused = True
    socket.writable.clear()
    for text in ("a", "b", "c"):
        socket.socket.send(Frame(text))
    socket.wire.is_paused = False  # the task that sends has not noticed yet
    socket.socket.send(Frame("d"))
    assert socket.heard == ["overflowed"]

    socket.writable.set()
    await patiently(socket.socket.flush())
    socket.socket.send(Frame("e"))

    assert socket.texts == ["a", "b", "c", b"<e>"]


async def test_what_waits_is_sent_in_order():
    """R31: also what was put in while the first one waited."""
    socket = Socket().accepted()
    socket.writable.clear()
    for text in "abc":
        socket.socket.send(Frame(text))
    await turns_of_the_loop()

    socket.writable.set()
    await patiently(socket.socket.flush())
    socket.socket.send(Frame("d"))

    assert socket.texts == ["a", "b", "c", "d"]


async def test_a_server_that_waits_several_times_is_waited_for():
    """Its first step is taken here, the others by the writer."""
    socket = Socket().accepted()
    steps = []

    async def send(event):
        for step in range(3):
            await asyncio.sleep(0)
            steps.append(step)

    socket.socket._send = send
    socket.socket.send(Frame("a"))
    await patiently(socket.socket.flush())

    assert steps == [0, 1, 2]


async def test_a_server_may_hear_that_its_wait_is_over_with_an_error():
    """What it waits for raises inside of its send, which may handle that."""
    socket = Socket().accepted()
    wait = asyncio.get_running_loop().create_future()

    async def send(event):
        try:
            await wait
        except OSError:
            await asyncio.sleep(0)
            socket.sent.append(event)

    socket.socket._send = send
    socket.socket.send(Frame("a"))
    wait.set_exception(OSError())
    await patiently(socket.socket.flush())

    assert socket.texts == ["a"]
    assert not socket.socket.is_gone


async def test_a_send_need_not_be_a_coroutine():
    """Anything that can be awaited will do."""
    socket = Socket().accepted()

    class Sending:
        def __init__(self, event):
            self.event = event

        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            socket.sent.append(self.event)

    socket.socket._send = Sending
    socket.socket.send(Frame("a"))
    await patiently(socket.socket.flush())

    assert socket.texts == ["a"]


async def test_d7_more_than_the_bound_is_told_once_it_would_wait():
    """D7: the frame that is too much is not queued."""
    socket = Socket(max_queued=100).accepted()
    socket.writable.clear()

    socket.socket.send(Frame("x" * 60))
    socket.socket.send(Frame("y" * 40))
    before = list(socket.heard)
    socket.socket.send(Frame("z"))

    assert (before, socket.heard) == ([], ["overflowed"])
    socket.writable.set()
    await patiently(socket.socket.flush())
    assert len(socket.texts) == 2


async def test_d7_what_was_sent_waits_no_more():
    """D7: a client that keeps up may be sent any amount."""
    socket = Socket(max_queued=100).accepted()
    for _ in range(10):
        socket.writable.clear()
        socket.socket.send(Frame("x" * 90))
        socket.writable.set()
        await patiently(socket.socket.flush())

    assert socket.heard == []
    assert len(socket.texts) == 10


async def test_d7_one_frame_over_the_bound_may_go_to_a_client_that_keeps_up():
    """D7: or else it could never be sent."""
    socket = Socket(max_queued=100).accepted()

    socket.socket.send(Frame("x" * 500))

    assert (len(socket.texts), socket.heard) == (1, [])


async def test_a_closed_socket_leaves_its_audience_and_takes_nothing_more():
    """R31, R33: the close comes behind what is queued."""
    socket = Socket().accepted()
    socket.writable.clear()
    socket.socket.send(Frame("a"))

    socket.socket.close((4001, "enough"))
    socket.socket.close((4002, "too late"))
    socket.socket.send(Frame("late"))
    socket.writable.set()
    await patiently(socket.socket.flush())

    assert socket.sent[1:] == [
        {"type": "websocket.send", "text": "a"},
        {"type": "websocket.close", "code": 4001, "reason": "enough"},
    ]
    assert (len(socket.audience), socket.heard) == (0, ["ending"])


async def test_a_socket_that_is_cut_off_is_closed_before_what_is_queued():
    """D7: only what the server has already begun to send gets through."""
    socket = Socket().accepted()
    socket.writable.clear()
    socket.socket.send(Frame("a"))
    socket.socket.send(Frame("b"))
    await turns_of_the_loop()

    socket.socket.cut_off((3008, "too slow"))
    socket.writable.set()
    await patiently(socket.socket.flush())

    assert socket.texts == ["a"]
    assert socket.sent[-1]["code"] == 3008


async def test_a_handshake_that_is_dropped_is_accepted_first():
    """So that a browser sees the code."""
    socket = Socket()

    socket.socket.drop((1013, "full"))

    assert [event["type"] for event in socket.sent] == [
        "websocket.accept",
        "websocket.close",
    ]
    assert socket.heard == ["answered", "ending"]
    assert (socket.socket.is_dropped, len(socket.audience)) == (True, 0)


async def test_an_accepted_socket_is_only_closed_when_it_is_dropped():
    """It joined the audience, and leaves it."""
    socket = Socket().accepted()

    socket.socket.drop((1012, "stopped"))
    socket.socket.drop((1012, "again"))

    assert [event["type"] for event in socket.sent] == [
        "websocket.accept",
        "websocket.close",
    ]


async def test_nothing_is_sent_to_a_client_that_has_left():
    """Accepted or not; the room may still let it in, and hears that it left."""
    socket = Socket()
    socket.socket.leave()

    socket.socket.accept(("alice", "tag"))
    socket.socket.send(Frame("a"))
    socket.socket.close((4001, ""))
    socket.socket.drop((1012, ""))
    socket.socket.leave()

    assert (socket.sent, socket.heard) == ([], ["ending"])
    assert socket.socket.is_accepted
    assert socket.socket.profile.tags == ("alice", "tag")
    assert len(socket.audience) == 0


async def test_the_state_stays_with_the_socket():
    """R32: in its profile."""
    socket = Socket().accepted()

    socket.socket.keep_state(b"1")

    assert socket.socket.profile.state == b"1"


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("error", [OSError, RuntimeError])
async def test_a_send_that_fails_ends_the_socket(error, later):
    """Whether it fails at once or only later."""
    socket = Socket().accepted()

    async def fail(event):
        if later:
            await asyncio.sleep(0)
        raise error

    socket.socket._send = fail
    socket.socket.send(Frame("a"))
    socket.socket.send(Frame("b"))
    await patiently(socket.socket.flush())

    assert (socket.socket.is_gone, len(socket.audience)) == (True, 0)
    assert socket.heard == ["ending"]


async def test_a_send_that_fails_before_there_is_anything_to_await_ends_it_too():
    """A server's send may be a plain function that returns an awaitable."""
    socket = Socket().accepted()

    def fail(event):
        raise OSError

    socket.socket._send = fail
    socket.socket.send(Frame("a"))

    assert socket.socket.is_gone


@pytest.mark.parametrize("later", [False, True])
async def test_a_send_that_was_cancelled_in_the_server_ends_the_socket(later):
    """It is not the room that was cancelled, though it is the room that sends."""
    socket = Socket().accepted()

    async def fail(event):
        if later:
            await asyncio.sleep(0)
        raise asyncio.CancelledError

    socket.socket._send = fail
    socket.socket.send(Frame("a"))
    await patiently(socket.socket.flush())

    assert (socket.socket.is_gone, socket.heard) == (True, ["ending"])


@pytest.mark.parametrize("later", [False, True])
async def test_a_code_that_the_server_refuses_is_told(later):
    """Daphne raises a plain Exception, and the socket is still open."""
    socket = Socket().accepted()
    error = ValueError("code")

    async def refuse(event):
        if later:
            await asyncio.sleep(0)
        raise error

    socket.socket._send = refuse
    socket.socket.close((1012, ""))
    await patiently(socket.socket.flush())

    assert error in socket.heard


class Steps:
    """An awaitable as granian's: its iterator has only ``__next__``."""

    def __init__(self, waits):
        self.waits = iter(waits)

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.waits)


@pytest.mark.parametrize("waits", [(), (None, None)])
async def test_r31_a_send_is_whatever_can_be_awaited(waits):
    """ASGI: granian's is no coroutine, and no generator either."""
    socket = Socket()

    def send(event):
        socket.sent.append(event)
        return Steps(waits)

    socket.socket._send = send
    socket.accepted()
    socket.socket.send(Frame("a"))
    await patiently(socket.socket.flush())

    assert (socket.texts, socket.socket.is_gone) == (["a"], False)


async def test_r31_a_send_of_any_kind_can_be_stopped():
    """An iterator that nothing can be thrown into ends where it waits."""
    socket = Socket().accepted()
    socket.socket._send = lambda event: Steps(itertools.repeat(None))
    socket.socket.send(Frame("a"))
    await turns_of_the_loop()

    socket.socket.stop()
    await patiently(socket.socket.flush())

    assert socket.socket.is_gone


@pytest.mark.parametrize("later", [False, True])
async def test_d4_an_error_that_no_server_is_known_for_is_logged(later, caplog):
    """D4: as an error, and the socket does not stay open in silence."""
    socket = Socket().accepted()
    error = AttributeError("send")

    async def fail(event):
        if later:
            await asyncio.sleep(0)
        raise error

    socket.socket._send = fail
    socket.socket.send(Frame("a"))
    await patiently(socket.socket.flush())

    assert [(one.levelname, one.action) for one in caplog.records] == [
        ("ERROR", "send_failed")
    ]
    assert socket.heard == ["ending", error]


async def test_a_writer_that_is_stopped_ends_where_it_is():
    """Nothing of what is queued is sent afterwards."""
    socket = Socket().accepted()
    socket.writable.clear()
    socket.socket.send(Frame("a"))
    socket.socket.send(Frame("b"))
    await turns_of_the_loop()

    socket.socket.leave()
    socket.socket.stop()
    socket.writable.set()
    await patiently(socket.socket.flush())
    await turns_of_the_loop()

    assert socket.texts == []


async def test_p9_a_socket_that_is_shut_early_is_closed_when_it_is_accepted():
    """P9: the handshake is answered first, so that the client sees the code."""
    socket = Socket()

    socket.socket.shut((4401, "out"))
    before = list(socket.sent)
    socket.socket.accept(("alice",))

    assert before == []
    assert [event["type"] for event in socket.sent] == [
        "websocket.accept",
        "websocket.close",
    ]
    assert socket.socket.closing == (4401, "out")
    assert socket.audience.sockets() == ()
