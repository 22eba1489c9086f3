"""The load that is HTTP: keep-alive connections in closed loops."""

import asyncio
from typing import cast

import httptools

from benchmarks.load.loads import HttpLoad, Order, Result
from benchmarks.load.meter import let_settle, measure


class _Client(asyncio.Protocol):
    """Sends one request over and over, each when the last one is answered."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self.responses = 0
        self.trouble: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports can do all that this type can, but are not of it.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.trouble = self.trouble or "the server closed the connection"

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == 200:
            self.responses += 1
            self.transport.write(self._request)
        else:
            self.trouble = f"the server answered {status}: {self._body[:200]!r}"
            self.transport.close()


async def http(order: Order, load: HttpLoad) -> Result:
    """Run the closed loops; a single response other than 200 fails the run."""
    request = _request(order.ports[0], load)
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(load.connections):
        _transport, client = await loop.create_connection(
            lambda: _Client(request), "127.0.0.1", order.ports[0]
        )
        clients.append(client)
    result = await measure(order, lambda: sum(c.responses for c in clients))
    for client in clients:
        if client.trouble:
            raise ConnectionError(f"{load.path}: {client.trouble}")
        client.transport.close()
    await let_settle(order)
    return result


def _request(port: int, load: HttpLoad) -> bytes:
    lines = [f"{'GET' if load.body is None else 'POST'} {load.path} HTTP/1.1"]
    lines += [f"Host: 127.0.0.1:{port}", "Accept: application/json"]
    body = (load.body or "").encode()
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
