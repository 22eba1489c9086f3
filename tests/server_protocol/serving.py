"""uvicorn, in the test's own event loop, and its clients by the byte."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from partyrooms.server.websockets import Protocol
from tests.servers.client import DEADLINE
from tests.servers.raw import RawConnection, frame, raw

Application = Callable[[Any, Any, Any], Awaitable[object]]


@dataclass
class Served:
    """A server that takes connections."""

    port: int
    server: uvicorn.Server

    @property
    def connections(self) -> set[Any]:
        """What uvicorn waits for at a stop."""
        return self.server.server_state.connections

    @property
    def tasks(self) -> set[Any]:
        """The applications that run."""
        return self.server.server_state.tasks

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that no event tells of."""
        await until(condition)

    def shutdown(self) -> None:
        """Tell every connection, as uvicorn does when it stops."""
        for connection in list(self.connections):
            connection.shutdown()


async def until(condition: Callable[[], object]) -> None:
    """Look again and again: for what no event tells of."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - there is none
            await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(
    application: Application, *, protocol: Any = Protocol, **options: Any
) -> AsyncIterator[Served]:
    """
    Serve an application for the block; afterwards nothing of it may be left.

    Args:
        application: ASGI 3.
        protocol: The class for WebSockets.
        options: More of ``uvicorn.Config``.
    """
    given = {"lifespan": "off", "http": "httptools", **options}
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        ws=protocol,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        **given,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    # It sets the default headers, and begins to tick only later.
    await server.on_tick(0)
    address = server.servers[0].sockets[0].getsockname()
    served = Served(0 if isinstance(address, str) else address[1], server)
    try:
        yield served
    finally:
        for one in server.servers:
            one.close()
        served.shutdown()
        await until(lambda: not served.connections and not served.tasks)
        await server.lifespan.shutdown()


@asynccontextmanager
async def joined(served: Served, target: str = "/") -> AsyncIterator[RawConnection]:
    """Connect and make the handshake."""
    async with raw(served) as client:  # type: ignore[arg-type]
        await client.join(target)
        yield client


def masked(opcode: int, payload: bytes, key: bytes | None = None, **bits: Any) -> bytes:
    """A frame with a real mask, as clients send them."""
    key = key or os.urandom(4)
    head = frame(opcode, payload, **bits)[: -len(payload) or None]
    body = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    return head[:-4] + key + body


@dataclass
class Echo:
    """Sends back each message and keeps what it received."""

    events: list[dict[str, Any]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            event = await receive()
            self.events.append(event)
            if event["type"] == "websocket.disconnect":
                self.ended.set()
                return
            # What was said before the end is received though nobody hears the echo.
            with suppress(OSError):
                await send({**event, "type": "websocket.send"})

    @property
    def messages(self) -> list[str | bytes]:
        """The payloads of all that was received."""
        return [
            event.get("text", event.get("bytes"))
            for event in self.events
            if event["type"] == "websocket.receive"
        ]

    async def ending(self) -> tuple[int, str | None]:
        """Wait for ``websocket.disconnect``; its code and reason."""
        async with asyncio.timeout(DEADLINE):
            await self.ended.wait()
        last = self.events[-1]
        assert last["type"] == "websocket.disconnect"
        return last["code"], last.get("reason")
