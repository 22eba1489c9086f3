"""How a WebSocket ends, whoever ends it, and what an application hears of it."""

import asyncio
import gc

import pytest

from partyrooms.server import websocket_socket
from partyrooms.server.websocket_direct import EXTENSION
from partyrooms.server.websocket_inbox import Inbox
from partyrooms.server.websocket_keepalive import KeepAlive
from partyrooms.server.websocket_parser import Parser
from partyrooms.server.websocket_protocol import PicowsProtocol
from partyrooms.server.websocket_session import Session
from partyrooms.server.websocket_socket import Socket
from tests.server_protocol.serving import Echo, joined, serving, until
from tests.servers.raw import CLOSE, PING, PONG, TEXT, frame, raw

NORMAL = (1000).to_bytes(2, "big")


def sending(*events, seen=None):
    """An application that accepts, sends these, and receives until the end."""
    seen = [] if seen is None else seen

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for event in events:
            try:
                await send(event)
            except Exception as error:
                seen.append(error)
        while (event := await receive())["type"] != "websocket.disconnect":
            seen.append(event)
        seen.append(event)

    application.seen = seen
    return application


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ({}, NORMAL),
        ({"code": 1001}, b"\x03\xe9"),
        ({"code": 3000, "reason": None}, b"\x0b\xb8"),
        ({"code": 4999, "reason": "bye €"}, b"\x13\x87" + "bye €".encode()),
        ({"code": 1013, "reason": "x" * 123}, b"\x03\xf5" + b"x" * 123),
    ],
    ids=str,
)
async def test_the_application_closes(protocol, event, payload):
    """The client gets code and reason; the connection ends when it has answered."""
    application = sending({"type": "websocket.close", **event})
    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        assert await client.frame() == (CLOSE, payload)
        assert served.connections
        await client.send(frame(CLOSE, payload))

        assert await client.rest() == b""
        await served.until(lambda: application.seen)
    assert application.seen == [
        {
            "type": "websocket.disconnect",
            "code": event.get("code", 1000),
            "reason": event.get("reason") or "",
        }
    ]


async def test_messages_behind_the_applications_close(protocol):
    """Are dropped; the client's answer is found behind them."""
    application = sending({"type": "websocket.close"})
    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        assert await client.frame() == (CLOSE, NORMAL)
        late = frame(TEXT, b"late") * 1000 + frame(PING, b"late")
        await client.send(late + frame(CLOSE, NORMAL))

        assert CLOSE not in {one for one, _ in await frames_of(client)}
    assert [event["type"] for event in application.seen] == ["websocket.disconnect"]


async def frames_of(client):
    """What comes until the end."""
    got = []
    try:
        while True:
            got.append(await client.frame())
    except (asyncio.IncompleteReadError, ConnectionError):
        return got


async def test_a_client_that_never_answers_a_close(monkeypatch):
    """Is cut off after the time that it has."""
    monkeypatch.setattr(websocket_socket, "CLOSE_TIMEOUT", 0.05)
    application = sending({"type": "websocket.close"})
    async with serving(application) as served, joined(served) as client:
        assert await client.frame() == (CLOSE, NORMAL)

        assert await client.rest() == b""
        await served.until(lambda: not served.connections)


@pytest.mark.parametrize(
    "event",
    [
        *({"code": code} for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)),
        {"code": 1000, "reason": "x" * 124},
        {"code": 1000, "reason": "€" * 42},
    ],
    ids=str,
)
async def test_closes_that_no_frame_carries(event):
    """ValueError says what is allowed; the socket stays open."""
    application = sending(
        {"type": "websocket.close", **event}, {"type": "websocket.send", "text": "a"}
    )
    async with serving(application) as served, joined(served) as client:
        assert await client.frame() == (TEXT, b"a")

    (error,) = application.seen[:1]
    assert isinstance(error, ValueError)
    assert "1000 to 1003" in str(error) or "at most 123 bytes" in str(error)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "websocket.accept"},
        {"type": "websocket.http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body"},
    ],
    ids=str,
)
async def test_events_that_an_open_socket_does_not_take(protocol, event):
    """RuntimeError; the socket stays open."""
    application = sending(event, {"type": "websocket.send", "text": "a"})
    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        assert await client.frame() == (TEXT, b"a")

    assert isinstance(application.seen[0], RuntimeError)
    assert f"but got '{event['type']}'" in str(application.seen[0])


@pytest.mark.parametrize("kind_of_event", ["websocket.send", "websocket.close"])
async def test_events_after_the_applications_close(protocol, kind_of_event):
    """RuntimeError."""
    application = sending(
        {"type": "websocket.close"}, {"type": kind_of_event, "text": "a"}
    )
    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        assert await client.frame() == (CLOSE, NORMAL)
        await served.until(lambda: application.seen)

    assert isinstance(application.seen[0], RuntimeError)
    assert f"'{kind_of_event}'" in str(application.seen[0])


@pytest.mark.parametrize("how", ["close frame", "reset", "violation", "shutdown"])
async def test_sending_to_a_client_that_is_gone(protocol, on, how):
    """Raises OSError, each time."""
    raised, ends = [], []

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        ends.append(await receive())
        for _ in range(2):
            try:
                await send({"type": "websocket.send", "text": "a"})
            except Exception as error:
                raised.append(error)

    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        if how == "close frame":
            await client.send(frame(CLOSE, NORMAL))
        elif how == "reset":
            client.writer.transport.abort()
        elif how == "violation":
            await client.send(frame(TEXT, b"\xff"))
        else:
            served.shutdown()
        await served.until(lambda: not served.tasks)

    expected = OSError if how != "violation" else on(ours=OSError, uvicorn=RuntimeError)
    assert [isinstance(error, expected) for error in raised] == [True, True]
    assert ends[0]["type"] == "websocket.disconnect"


async def test_disconnect_is_received_again():
    """No application waits for ever because it asks once more."""
    ends = []

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        ends.extend([await receive(), await receive(), await receive()])

    async with serving(application) as served, joined(served) as client:
        await client.send(frame(TEXT, b"a") + frame(CLOSE, NORMAL))
        await served.until(lambda: len(ends) == 3)

    assert ends[0] == {"type": "websocket.receive", "text": "a"}
    assert ends[1] == ends[2]
    assert ends[1]["code"] == 1000


@pytest.mark.parametrize("how", ["raises", "returns", "returns something"])
async def test_an_application_that_ends_before_its_socket(protocol, how, caplog):
    """The connection ends without a close frame: the client sees 1006."""

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        if how == "raises":
            raise ValueError("a secret")
        return "thing" if how == "returns something" else None

    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        assert await client.rest() == b""

    expected = {
        "raises": "a secret",
        "returns": "",
        "returns something": "should return None, but returned 'thing'",
    }
    assert expected[how] in caplog.text
    assert bool(caplog.records) == (how != "returns")


async def test_an_application_that_ends_behind_its_close(protocol):
    """The close frame is not lost, and its answer is waited for."""

    async def application(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000})

    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        assert await client.frame() == (CLOSE, b"\x0f\xa0")
        await served.until(lambda: not served.tasks)
        assert served.connections
        await client.send(frame(CLOSE, b"\x0f\xa0"))
        assert await client.rest() == b""


async def test_the_server_stops(protocol):
    """1012 for every open socket, behind what was sent; the application is told."""
    echo = Echo()
    async with serving(echo, protocol=protocol) as served, joined(served) as client:
        await client.send(frame(TEXT, b"a"))
        await served.until(lambda: echo.messages)
        served.shutdown()

        assert await client.frame() == (TEXT, b"a")
        assert await client.frame() == (CLOSE, b"\x03\xf4")
        assert await client.rest() == b""
        assert (await echo.ending())[0] == 1012


async def test_the_server_stops_during_a_handshake(protocol):
    """500 for a client without an answer; its application is told."""
    received = []

    async def application(scope, receive, send):
        received.append(await receive())
        received.append(await receive())

    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        await served.until(lambda: received)
        served.shutdown()

        assert (await client.response()).status == 500
        await client.rest()
        await served.until(lambda: len(received) == 2)

    assert received[1]["type"] == "websocket.disconnect"
    assert received[1]["code"] == 1006


async def test_the_server_stops_while_a_socket_is_closing(protocol):
    """Such a socket is ended at once; its client has its close frame."""
    application = sending({"type": "websocket.close", "code": 4000})
    async with (
        serving(application, protocol=protocol) as served,
        joined(served) as client,
    ):
        assert await client.frame() == (CLOSE, b"\x0f\xa0")
        served.shutdown()

        assert await client.rest() == b""


async def test_a_client_that_goes_on_sending_hears_why_it_is_cut_off():
    """The close frame survives what the client still sends: nothing is reset."""
    echo = Echo()
    async with serving(echo, ws_max_size=1000) as served, joined(served) as client:
        flood = frame(TEXT, b"x" * 1001) + bytes(8 << 20)
        await client.send(flood)

        assert await client.close_code() == 1009
        assert await client.rest() == b""
    assert (await echo.ending())[0] == 1009


async def test_a_client_that_ignores_its_close_frame(monkeypatch):
    """Is cut off after the time that it has, and fills no memory until then."""
    monkeypatch.setattr(websocket_socket, "CLOSE_TIMEOUT", 0.2)
    async with serving(Echo()) as served, joined(served) as client:
        (socket,) = served.connections
        await client.send(frame(3))

        async def flood():
            while True:
                await client.send(bytes(1 << 16))

        with pytest.raises(ConnectionError):
            await flood()
        assert len(socket.get_buffer(-1)) <= 1 << 16
        await served.until(lambda: not served.connections)


async def test_a_ping_that_is_answered(protocol):
    """The next one follows after the interval; each has a payload of its own."""
    async with (
        serving(
            Echo(), protocol=protocol, ws_ping_interval=0.02, ws_ping_timeout=20
        ) as served,
        joined(served) as client,
    ):
        pings = set()
        for _ in range(3):
            opcode, payload = await client.any_frame()
            assert opcode == PING
            pings.add(payload)
            # One that answers nothing changes nothing.
            await client.send(frame(PONG, b"other") + frame(PONG, payload))

        assert len(pings) == 3


async def test_a_ping_that_is_not_answered(protocol, on):
    """1011 for the client; the application is told."""
    echo = Echo()
    async with (
        serving(
            echo, protocol=protocol, ws_ping_interval=0.02, ws_ping_timeout=0.05
        ) as served,
        joined(served) as client,
    ):
        assert (await client.any_frame())[0] == PING
        await client.send(frame(PONG, b"other"))
        opcode, payload = await client.any_frame()

        assert (opcode, payload[:2]) == (CLOSE, b"\x03\xf3")
        assert payload[2:] == b"keepalive ping timeout"
        assert await client.rest() == b""
        assert (await echo.ending())[0] == on(ours=1011, uvicorn=1005)


@pytest.mark.parametrize("interval", [None, 0, 0.0])
async def test_no_pings(protocol, interval):
    """An interval of None or 0 means none."""
    async with (
        serving(
            Echo(), protocol=protocol, ws_ping_interval=interval, ws_ping_timeout=0.01
        ) as served,
        joined(served) as client,
    ):
        for number in range(20):
            await client.send(frame(TEXT, b"%d" % number))
            assert await client.any_frame() == (TEXT, b"%d" % number)


async def test_pings_without_a_time_for_the_answer(protocol):
    """They go on at the interval, answered or not."""
    async with (
        serving(
            Echo(), protocol=protocol, ws_ping_interval=0.01, ws_ping_timeout=None
        ) as served,
        joined(served) as client,
    ):
        for _ in range(3):
            assert (await client.any_frame())[0] == PING


async def test_pings_while_the_application_does_not_receive():
    """A pong that is not read, because too much waits, does not end the socket."""
    go_on = asyncio.Event()
    echo = Echo()

    async def application(scope, receive, send):
        async def late():
            event = await receive()
            if event["type"] == "websocket.receive":
                await go_on.wait()
            return event

        await echo(scope, late, send)

    async with (
        serving(
            application, ws_ping_interval=0.02, ws_ping_timeout=0.05, ws_max_queue=1
        ) as served,
        joined(served) as client,
    ):
        (socket,) = served.connections
        await client.send(frame(TEXT, b"x") * 10)
        await until(lambda: not socket.is_reading)
        opcode, payload = await client.any_frame()
        assert opcode == PING
        timer = socket._keepalive._timer
        # Past the time for the answer, which was given anew.
        await until(lambda: socket._keepalive._timer not in (None, timer))
        await client.send(frame(PONG, payload))
        go_on.set()

        got = [await client.frame() for _ in range(10)]
        assert got == [(TEXT, b"x")] * 10


@pytest.mark.parametrize("how", ["close frame", "reset", "violation", "denial", "app"])
async def test_nothing_is_left_of_a_connection(how):
    """Neither sockets nor buffers, nor timers that hold a transport."""
    sockets = []
    before = alive()

    async def application(scope, receive, send):
        sockets.append(scope["extensions"][EXTENSION])
        await receive()
        if how == "denial":
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        if how != "app":
            await receive()

    async with serving(application) as served:
        for _ in range(20):
            async with raw(served) as client:
                await client.send(client.handshake("/"))
                await client.response()
                if how == "close frame":
                    await client.send(frame(CLOSE, NORMAL))
                elif how == "violation":
                    await client.send(frame(3))
                if how == "reset":
                    client.writer.transport.abort()
                else:
                    await client.rest()
        await served.until(lambda: not served.connections and not served.tasks)
        timers = [one._timer for one in sockets if one._timer is not None]
        assert [one for one in timers if not one.cancelled()] == []
        sockets.clear()
        await until(lambda: alive() <= before)


def alive():
    """How many objects of connections there are; other tests may have left some."""
    gc.collect()
    kinds = (Inbox, KeepAlive, Parser, PicowsProtocol, Session, Socket)
    return sum(type(one) in kinds for one in gc.get_objects())
