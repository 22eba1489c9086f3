"""Sockets of the npm package ``partysocket``, driven from Python."""

import asyncio
import base64
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.deadline import DEADLINE

FOLDER = Path(__file__).parent

# Milliseconds; the package's own 3 s, 10 s and 5 s would only make the tests slow.
FAST = {"minReconnectionDelay": 50, "maxReconnectionDelay": 200, "minUptime": 50}

Event = dict[str, Any]


class Node:
    """One Node process with any number of sockets; ``run_node()`` starts it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._events: defaultdict[str, asyncio.Queue[Event]] = defaultdict(
            asyncio.Queue
        )
        self._names = map(str, itertools.count(1))

    async def open(
        self, host: str, *, tokens: list[str] | None = None, **options: Any
    ) -> "PartySocket":
        """
        ``new PartySocket({host, ...options})``, with delays short enough for a test.

        Args:
            host: Host and port.
            tokens: What the query function returns as ``token``, connect by connect.
            options: The package's own.
        """
        socket = PartySocket(self, next(self._names))
        given = {"host": host, **FAST, **options}
        await socket.command("open", options=given, tokens=tokens)
        return socket

    async def fetch(self, host: str, init: Any = None, **options: Any) -> Event:
        """``PartySocket.fetch({host, ...options}, init)``; status, url and body."""
        request = PartySocket(self, next(self._names))
        await request.command("fetch", options={"host": host, **options}, init=init)
        return await request.event()

    async def command(self, **command: Any) -> None:
        """Write one command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()

    async def next_event(self, name: str) -> Event:
        """The next event of a socket."""
        async with asyncio.timeout(DEADLINE):
            return await self._events[name].get()

    async def read_events(self) -> None:
        """Sort events by socket until the process ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            event = json.loads(line)
            await self._events[event.pop("socket")].put(event)


class PartySocket:
    """One socket in the Node process."""

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self._name = name

    async def command(self, do: str, **arguments: Any) -> None:
        """Have the driver do something with it."""
        await self._node.command(do=do, socket=self._name, **arguments)

    async def send(self, message: str | bytes) -> None:
        """``send()``: queued by the package while there is no connection."""
        if isinstance(message, str):
            await self.command("send", text=message)
        else:
            await self.command("send", base64=base64.b64encode(message).decode())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """``close()``: for good."""
        await self.command("close", code=code, reason=reason)

    async def event(self) -> Event:
        """Whatever happens next."""
        return await self._node.next_event(self._name)

    async def until(self, name: str) -> Event:
        """The next event of this name; those before it are passed over."""
        while (event := await self.event())["event"] != name:
            pass
        return event

    async def receive(self) -> str | bytes:
        """The next event's payload, which must be a message."""
        event = await self.event()
        assert event["event"] == "message", event
        return event["text"] if "text" in event else base64.b64decode(event["base64"])

    async def receive_json(self) -> Any:
        """The same, decoded."""
        return json.loads(await self.receive())


@asynccontextmanager
async def run_node() -> AsyncIterator[Node]:
    """A Node process for the block; it ends with its stdin."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(FOLDER / "driver.mjs"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    node = Node(process)
    reading = asyncio.create_task(node.read_events())
    try:
        yield node
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(DEADLINE):
                await reading
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
