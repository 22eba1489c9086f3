"""A WebSocket client with deadlines, on top of ``websockets``."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.deadline import DEADLINE


class Client(ClientConnection):
    """One socket. Frames are read in order; nothing is dropped."""

    async def receive(self) -> str | bytes:
        """The next frame."""
        async with asyncio.timeout(DEADLINE):
            return await self.recv()

    async def receive_json(self) -> Any:
        """The next frame, decoded."""
        return json.loads(await self.receive())

    async def receive_until(self, marker: str | bytes) -> list[str | bytes]:
        """
        Every frame before the one that equals ``marker``.

        A room's outputs reach a client in order: what is not in the list did not come.
        """
        frames: list[str | bytes] = []
        while (frame := await self.receive()) != marker:
            frames.append(frame)
        return frames

    async def ask(self, message: str | bytes) -> str | bytes:
        """Send a frame and take the next one as its answer."""
        await self.send(message)
        return await self.receive()

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait for the end; its code and reason as this client sees them."""
        async with asyncio.timeout(DEADLINE):
            await self.wait_closed()
        return self.close_code, self.close_reason

    async def abort(self) -> None:
        """Cut the TCP connection without a close frame."""
        self.transport.abort()
        await self.closed()


async def open_socket(url: str, **options: Any) -> Client:
    """
    Connect, without compression, proxies and pings of its own.

    Raises:
        InvalidStatus: If the handshake is refused; it has the ``response``.
    """
    return await connect(  # type: ignore[return-value]
        url,
        create_connection=Client,
        **{
            "compression": None,
            "proxy": None,
            "ping_interval": None,
            "open_timeout": DEADLINE,
            "close_timeout": DEADLINE,
            "max_size": None,
            # A full queue would stop the reading, of close frames as well.
            "max_queue": None,
            **options,
        },
    )
