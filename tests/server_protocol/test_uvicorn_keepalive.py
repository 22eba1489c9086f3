"""Who is not read for a room's sake is not closed for want of a pong."""

import asyncio

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from partyrooms.server.uvicorn_keepalive import PARTS, Reading, sparing
from partyrooms.server.websocket_keepalive import KeepAlive
from tests.server_protocol.serving import joined, serving, until
from tests.servers.raw import CLOSE


def test_g6_the_time_counts_from_when_it_is_read_again():
    """G6: what was unread comes before the pong."""
    now = 100.0
    reading = Reading(lambda: now)

    now = 105.0
    from_the_start = reading.lacks(20)
    reading.stop()
    stopped = reading.lacks(20)
    now = 200.0
    still = reading.lacks(20)
    reading.go_on()
    now = 219.0
    again = reading.lacks(20)

    assert (from_the_start, stopped, still, again) == (15, 20, 20, 1)


@pytest.mark.parametrize("protocol", [WebSocketsSansIOProtocol, WSProtocol])
async def test_g6_uvicorn_closes_nobody_who_is_not_read(protocol):
    """G6: and closes a silent client once it is read again; nothing is left behind."""
    go_on, covered, left = asyncio.Event(), [], []

    async def application(scope, receive, send):
        await receive()
        own = receive.__self__
        reading = Reading(asyncio.get_running_loop().time)
        reading.stop()
        with sparing(receive, reading):
            covered.append(own)
            await send({"type": "websocket.accept"})
            await go_on.wait()
            reading.go_on()
            while (await receive())["type"] != "websocket.disconnect":
                pass
        left.extend(part for part in PARTS[:1] if part in vars(own))

    async with (
        serving(
            application,
            protocol=protocol,
            ws_ping_interval=0.02,
            ws_ping_timeout=0.05,
        ) as served,
        joined(served) as client,
    ):
        (own,) = covered
        for _ in range(3):  # past the time for the answer, which is given anew
            timer = own.pong_timer
            await until(lambda timer=timer: own.pong_timer not in (None, timer))
        was_open = not own.transport.is_closing()
        go_on.set()

        while (read := await client.any_frame())[0] != CLOSE:
            pass
        assert read[1][:2] == (1011).to_bytes(2, "big")
        await served.until(lambda: not served.tasks)

    assert was_open
    assert left == []


async def test_g6_servers_without_that_keepalive_are_left_alone():
    """G6: whatever gives the events."""

    async def receive():
        return {}

    with sparing(receive, Reading(lambda: 0.0)):
        assert await receive() == {}


async def test_g6_our_own_keepalive_waits_for_what_is_unread():
    """G6: a socket that is read again at this instant has its pong behind the rest."""

    class Socket:
        is_reading = True
        reading_since = asyncio.get_running_loop().time() + 1000
        pings = 0

        def write(self, frame):
            self.pings += 1

    over = asyncio.Event()
    socket = Socket()
    keepalive = KeepAlive(socket, interval=0.01, timeout=0.01, on_timeout=over.set)
    keepalive.start()
    await until(lambda: socket.pings)
    await until(lambda: keepalive._timer.when() > socket.reading_since)

    assert not over.is_set()
    keepalive._timer.cancel()
    socket.reading_since = 0.0
    keepalive._missed()
    await asyncio.wait_for(over.wait(), 1)
