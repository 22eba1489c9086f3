"""A TCP proxy that holds, slows and cuts what passes through it."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

PIECE = 65_536
"""Bytes that are read, and delayed, at once."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER: no time for what is unsent, so that closing sends RST instead of FIN."""


class Direction(Enum):
    """Where bytes are going."""

    TO_SERVER = auto()
    TO_CLIENT = auto()


class Pair:
    """
    One client's TCP connection and the one that was opened to the server for it.

    Attributes:
        ends: For each direction, where to read and where to write.
        pumps: What moves the bytes.
        mute: What the server still says is not passed on; its next words cut the pair.
        is_silent: Both ends are listened to, and nothing is passed on, not even an end.
    """

    Ends = dict[Direction, tuple[asyncio.StreamReader, asyncio.StreamWriter]]

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.pumps: list[asyncio.Task[None]] = []
        self.mute = False
        self.is_silent = False

    def cut(self, *, reset: bool) -> None:
        """Close both ends at once, with RST or with FIN; what is held is lost."""
        for _, writer in self.ends.values():
            if reset:
                raw = writer.get_extra_info("socket")
                if raw.fileno() != -1:  # else it is closed
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                writer.transport.abort()
            else:
                writer.close()
        for pump in self.pumps:
            pump.cancel()

    async def closed(self) -> None:
        """Wait until both ends are closed, after a cut."""
        for _, writer in self.ends.values():
            with suppress(OSError):
                await writer.wait_closed()


class Trap:
    """
    Stops one connection at the first piece in which a pattern is found.

    Nothing of that piece has passed. The connection waits until one of the methods
    below is called, each of them after ``sprung()``.
    """

    def __init__(self, pattern: bytes, direction: Direction) -> None:
        self.pattern = pattern
        self.direction = direction
        self._pair: asyncio.Future[Pair] = asyncio.get_running_loop().create_future()
        self._passes = asyncio.Event()

    async def sprung(self) -> None:
        """Wait until something was caught."""
        await asyncio.shield(self._pair)

    def let_pass(self) -> None:
        """Go on as if nothing had happened."""
        self._passes.set()

    def cut(self) -> None:
        """Reset the connection: what was caught never arrives."""
        self._pair.result().cut(reset=True)

    def cut_reply(self) -> None:
        """Let pass what was caught, and reset the connection instead of the answer."""
        self._pair.result().mute = True
        self._passes.set()

    async def _catch(self, pair: Pair) -> None:
        self._pair.set_result(pair)
        await self._passes.wait()


class FaultProxy:
    """
    Passes TCP connections on to a server, as well as it is told to.

    All of it concerns connections that are open as well as those to come.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        delay: Seconds that each piece waits.
        rate: Bytes per second and connection, in each direction; None: as fast as can.
        is_refusing: New connections are reset at once.
        has_silenced: Connections were silenced, which they stay.

    Args:
        target: Where the server listens: a port of 127.0.0.1, or a Unix socket's path.
    """

    def __init__(self, target: int | str) -> None:
        self.port = 0
        self.delay = 0.0
        self.rate: float | None = None
        self.is_refusing = False
        self.has_silenced = False
        self._target = target
        self._open = {direction: asyncio.Event() for direction in Direction}
        self._holds = {direction: asyncio.Event() for direction in Direction}
        self._traps: list[Trap] = []
        self._pairs: set[Pair] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.heal()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more and cut what is open."""
        assert self._server is not None
        self._server.close()
        self.is_refusing = True
        self.cut()
        if self._serving:
            await asyncio.wait(self._serving)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._pairs)

    def hold(self, *directions: Direction) -> None:
        """
        Keep all bytes of these directions, or of both; nothing is lost.

        To both ends it looks like a network that has stopped carrying packets.
        """
        for direction in directions or tuple(Direction):
            self._open[direction].clear()

    async def held(self, direction: Direction) -> None:
        """Wait until bytes of this direction are held."""
        await self._holds[direction].wait()

    def heal(self) -> None:
        """Pass everything on again, what was held as well; cut connections stay cut."""
        self.delay = 0.0
        self.rate = None
        self.is_refusing = False
        for direction in Direction:
            self._open[direction].set()
            self._holds[direction].clear()

    def cut(self, *, reset: bool = True) -> None:
        """Close every open connection, with RST or with FIN; what is held is lost."""
        for pair in tuple(self._pairs):
            pair.cut(reset=reset)

    def silence(self) -> None:
        """Swallow from now on what comes on the open connections; new ones work."""
        self.has_silenced = True
        for pair in self._pairs:
            pair.is_silent = True

    def trap(self, pattern: bytes, direction: Direction = Direction.TO_SERVER) -> Trap:
        """Stop the first connection on which a pattern passes."""
        trap = Trap(pattern, direction)
        self._traps.append(trap)
        return trap

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        pair = Pair({Direction.TO_CLIENT: (reader, writer)})
        with suppress(OSError):
            if not self.is_refusing:
                far_reader, far_writer = await self._connect()
                pair.ends = {
                    Direction.TO_SERVER: (reader, far_writer),
                    Direction.TO_CLIENT: (far_reader, writer),
                }
        # Meanwhile the server may have refused it, or this proxy have been closed.
        if self.is_refusing or len(pair.ends) < len(Direction):
            pair.cut(reset=True)
        else:
            self._pairs.add(pair)
            await self._carry(pair)
        await pair.closed()
        self._pairs.discard(pair)

    async def _carry(self, pair: Pair) -> None:
        pair.pumps = [
            asyncio.create_task(self._pump(pair, direction)) for direction in Direction
        ]
        await asyncio.wait(pair.pumps)
        pair.cut(reset=False)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _pump(self, pair: Pair, direction: Direction) -> None:
        reader, writer = pair.ends[direction]
        try:
            while piece := await reader.read(PIECE):
                await self._slow_down(len(piece), direction)
                await self._spring(pair, direction, piece)
                if pair.is_silent:
                    continue
                if pair.mute and direction is Direction.TO_CLIENT:
                    break
                writer.write(piece)
                await writer.drain()
            else:
                if not pair.is_silent:
                    writer.write_eof()
                return
        except OSError:
            pass  # One end is broken; the other one is to notice.
        pair.cut(reset=True)

    async def _slow_down(self, size: int, direction: Direction) -> None:
        pause = self.delay + (size / self.rate if self.rate else 0)
        if pause:
            await asyncio.sleep(pause)
        if not self._open[direction].is_set():
            self._holds[direction].set()
            await self._open[direction].wait()

    async def _spring(self, pair: Pair, direction: Direction, piece: bytes) -> None:
        for trap in self._traps:
            if trap.direction is direction and trap.pattern in piece:
                self._traps.remove(trap)
                await trap._catch(pair)
                return


@asynccontextmanager
async def proxy_to(target: int | str) -> AsyncIterator[FaultProxy]:
    """A proxy for the block."""
    proxy = FaultProxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
