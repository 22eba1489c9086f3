"""The fault proxy does to a connection what it says, and nothing else."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.deadline import DEADLINE
from tests.faults.lab.proxy import Direction, FaultProxy, proxy_to


class EchoServer:
    """Answers each line with itself; keeps what it has received."""

    def __init__(self):
        self.received = []
        self.ended = asyncio.Event()

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                self.received.append(line)
                writer.write(line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.ended.set()
            writer.close()


@pytest.fixture
async def echo():
    server = EchoServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()


@pytest.fixture
async def proxy(echo):
    async with proxy_to(echo.port) as proxy:
        yield proxy


@asynccontextmanager
async def connected(proxy: FaultProxy):
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def first_line(proxy: FaultProxy) -> bytes:
    async with connected(proxy) as (reader, _):
        return await reader.readline()


async def test_bytes_pass_in_both_directions(proxy):
    """Left alone it is not noticed; a client's end reaches the server."""
    async with connected(proxy) as (reader, writer):
        writer.write(b"one\ntwo\n")
        writer.write_eof()

        assert await reader.read() == b"one\ntwo\n"


async def test_what_goes_to_the_server_can_be_held(proxy, echo):
    """Held bytes are not lost: they arrive when the proxy is healed."""
    async with connected(proxy) as (reader, writer):
        writer.write(b"before\n")
        await reader.readline()
        proxy.hold(Direction.TO_SERVER)
        writer.write(b"held\n")
        await proxy.held(Direction.TO_SERVER)
        assert echo.received == [b"before\n"]

        proxy.heal()
        assert await reader.readline() == b"held\n"


async def test_what_goes_to_the_client_can_be_held(proxy, echo):
    """The server has heard the question while its answer is held."""
    async with connected(proxy) as (reader, writer):
        proxy.hold(Direction.TO_CLIENT)
        writer.write(b"question\n")
        await proxy.held(Direction.TO_CLIENT)
        assert echo.received == [b"question\n"]

        proxy.heal()
        assert await reader.readline() == b"question\n"


async def test_a_cut_by_reset_is_an_error_at_both_ends(proxy, echo):
    """As when the kernel of a machine that was restarted answers."""
    async with connected(proxy) as (reader, writer):
        writer.write(b"hello\n")
        await reader.readline()

        proxy.cut()

        with pytest.raises(ConnectionResetError):
            await reader.readline()
        await echo.ended.wait()


async def test_a_cut_by_fin_is_an_end(proxy, echo):
    """As when a process closes its sockets."""
    async with connected(proxy) as (reader, writer):
        writer.write(b"hello\n")
        await reader.readline()

        proxy.cut(reset=False)

        assert await reader.read() == b""
        await echo.ended.wait()


async def test_what_was_held_is_lost_by_a_cut(proxy, echo):
    """A healed network does not bring back what a broken connection carried."""
    async with connected(proxy) as (reader, writer):
        writer.write(b"hello\n")
        await reader.readline()
        proxy.hold()
        writer.write(b"lost\n")
        await proxy.held(Direction.TO_SERVER)

        proxy.cut()
        proxy.heal()

        with pytest.raises(ConnectionResetError):
            await reader.readline()
    await echo.ended.wait()
    assert echo.received == [b"hello\n"]


async def test_open_connections_can_be_silenced(proxy, echo):
    """What is said on them is lost; on new ones it is not."""
    async with connected(proxy) as (_, writer), connected(proxy) as (reader, other):
        other.write(b"before\n")
        await reader.readline()
        writer.write(b"also before\n")
        while len(echo.received) < 2:  # noqa: ASYNC110 - the server has no news
            await asyncio.sleep(0.01)
        proxy.silence()
        writer.write(b"lost\n")
        await writer.drain()
        async with connected(proxy) as (new_reader, new_writer):
            new_writer.write(b"new\n")
            assert await new_reader.readline() == b"new\n"

        assert echo.received == [b"before\n", b"also before\n", b"new\n"]


async def test_new_connections_can_be_refused(proxy):
    """Those that are open go on."""
    async with connected(proxy) as (reader, writer):
        writer.write(b"one\n")
        await reader.readline()

        proxy.is_refusing = True

        with pytest.raises(ConnectionResetError):
            await first_line(proxy)
        writer.write(b"two\n")
        assert await reader.readline() == b"two\n"


async def test_a_server_that_is_away_is_a_reset():
    """Behind the proxy nobody listens."""
    async with proxy_to(1) as proxy:
        with pytest.raises(ConnectionResetError):
            await first_line(proxy)


async def test_a_proxy_that_was_closed_has_nothing_open(echo):
    """Not even what it was about to connect at that moment."""

    class Hesitant(FaultProxy):
        asked, goes_on = asyncio.Event(), asyncio.Event()

        async def _connect(self):
            self.asked.set()
            await self.goes_on.wait()
            return await super()._connect()

    proxy = Hesitant(echo.port)
    await proxy.start()
    async with connected(proxy) as (reader, _):
        await proxy.asked.wait()
        closing = asyncio.create_task(proxy.close())
        proxy.goes_on.set()
        await closing

        with pytest.raises(ConnectionResetError):
            await reader.readline()
        await echo.ended.wait()


@pytest.mark.parametrize("slowness", [{"delay": 0.05}, {"rate": 120.0}])
async def test_bytes_can_be_slowed_down(proxy, slowness):
    """Six bytes there and back take at least a tenth of a second."""
    for name, value in slowness.items():
        setattr(proxy, name, value)
    clock = asyncio.get_running_loop().time
    async with connected(proxy) as (reader, writer):
        began = clock()
        writer.write(b"hello\n")

        assert await reader.readline() == b"hello\n"
        assert clock() - began >= 0.099


async def test_a_trap_stops_one_connection_at_a_pattern(proxy, echo):
    """What was caught has not passed, and passes when it is let."""
    trap = proxy.trap(b"COMMIT")
    async with connected(proxy) as (reader, writer):
        writer.write(b"BEGIN\n")
        await reader.readline()
        writer.write(b"COMMIT\n")
        await trap.sprung()
        async with connected(proxy) as (other_reader, other):
            other.write(b"COMMIT of another\n")
            await other_reader.readline()
        assert echo.received == [b"BEGIN\n", b"COMMIT of another\n"]

        trap.let_pass()
        assert await reader.readline() == b"COMMIT\n"


async def test_a_trap_can_cut_before_the_pattern(proxy, echo):
    """The server never hears it."""
    trap = proxy.trap(b"COMMIT")
    async with connected(proxy) as (reader, writer):
        writer.write(b"COMMIT\n")
        await trap.sprung()

        trap.cut()

        with pytest.raises(ConnectionResetError):
            await reader.readline()
    await echo.ended.wait()
    assert echo.received == []


async def test_a_trap_can_cut_off_the_answer(proxy, echo):
    """The server has done it, and the client does not know."""
    trap = proxy.trap(b"COMMIT")
    async with connected(proxy) as (reader, writer):
        writer.write(b"COMMIT\n")
        await trap.sprung()

        trap.cut_reply()

        with pytest.raises(ConnectionResetError):
            await reader.readline()
    assert echo.received == [b"COMMIT\n"]
