"""HTTP and WebSocket by the byte, for what no client library would send."""

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.deadline import DEADLINE
from tests.servers.process import Server

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0


@dataclass
class RawResponse:
    """A response's head and, for an HTTP request, its body."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask=True
) -> bytes:
    """One WebSocket frame as a client writes it (RFC 6455, 5.2)."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    masked = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head += bytes([masked | size])
    elif size < 1 << 16:
        head += struct.pack("!BH", masked | 126, size)
    else:
        head += struct.pack("!BQ", masked | 127, size)
    # A mask of zeros is a mask: the payload stays as it is.
    return head + (bytes(4) if mask else b"") + payload


class RawConnection:
    """A TCP connection to a server."""

    def __init__(
        self,
        server: Server,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer

    def head(self, method: str, target: str, **headers: str) -> bytes:
        """A request's first lines; an underscore in a name stands for a hyphen."""
        given = {"Host": f"127.0.0.1:{self.server.port}", **headers}
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{n.replace('_', '-')}: {v}" for n, v in given.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def handshake(self, target: str, **headers: str) -> bytes:
        """A WebSocket handshake; a header given as "" stays empty."""
        given = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec_WebSocket_Version": "13",
            "Sec_WebSocket_Key": base64.b64encode(os.urandom(16)).decode(),
            **headers,
        }
        return self.head("GET", target, **given)

    async def send(self, data: bytes) -> None:
        """Write, and wait where the server does not read."""
        self.writer.write(data)
        await self.writer.drain()

    async def response(self) -> RawResponse:
        """Read a response's head."""
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return RawResponse(int(first.split()[1]), headers)

    async def frame(self) -> tuple[int, bytes]:
        """Read one frame that is no ping, and answer those: opcode and payload."""
        while (read := await self.any_frame())[0] == PING:
            self.writer.write(frame(PONG, read[1]))  # Not waiting: nobody may read.
        return read

    async def any_frame(self) -> tuple[int, bytes]:
        """Read one frame: opcode and payload."""
        async with asyncio.timeout(DEADLINE):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0xF, await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """Read until the server ends the connection, kindly or not."""
        data = b""
        async with asyncio.timeout(DEADLINE):
            try:
                while chunk := await self.reader.read(1 << 16):
                    data += chunk
            except ConnectionError:
                pass
        return data

    async def join(self, target: str, **headers: str) -> None:
        """Make a handshake that must be accepted."""
        await self.send(self.handshake(target, **headers))
        response = await self.response()
        assert response.status == 101, response

    async def close_code(self) -> int | None:
        """Read up to the close frame; None: the connection ends without one."""
        try:
            while True:
                opcode, payload = await self.any_frame()
                if opcode == CLOSE:
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@asynccontextmanager
async def raw(server: Server) -> AsyncIterator[RawConnection]:
    """Connect for the block; cut afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield RawConnection(server, reader, writer)
    finally:
        writer.transport.abort()
        # Lets the transport say that it is gone before the loop is closed.
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def raw_request(
    server: Server, method: str, target: str, body: bytes = b"", **headers: str
) -> RawResponse:
    """One HTTP request whose target is sent exactly as written."""
    async with raw(server) as connection:
        given = {"Connection": "close", "Content_Length": str(len(body)), **headers}
        await connection.send(connection.head(method, target, **given) + body)
        response = await connection.response()
        data = await connection.rest()
    if response.headers.get("transfer-encoding") == "chunked":
        data = _unchunk(data)
    response.body = data
    return response


def _unchunk(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        body += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return body
