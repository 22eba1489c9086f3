"""The load that is HTTP: keep-alive connections in closed loops."""

import asyncio
import time
from collections.abc import Iterator
from itertools import repeat
from typing import cast

import httptools

from benchmarks.figures import Turn
from benchmarks.load.loads import HttpLoad, Order, RoomsLoad
from benchmarks.load.meter import Latencies, let_settle, measure, memory

CONNECTIONS = 16


class _Client(asyncio.Protocol):
    """Sends one request after another, each when the last one is answered."""

    def __init__(self, requests: Iterator[bytes], latencies: Latencies) -> None:
        self._requests = requests
        self._note = latencies.note
        self._asked_at = 0.0
        self.ended = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self.responses = 0
        self.trouble: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports can do all that this type can, but are not of it.
        self.transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.trouble = self.trouble or "the server closed the connection"
        if not self.ended.done():
            self.ended.set_result(None)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == 200:
            self.responses += 1
            self._note(time.perf_counter() - self._asked_at)
            self._ask()
        else:
            self.trouble = f"the server answered {status}: {self._body[:200]!r}"
            self.transport.close()

    def _ask(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.transport.close()
        else:
            self._asked_at = time.perf_counter()
            self.transport.write(request)


async def http(order: Order, load: HttpLoad) -> Turn:
    """Run the closed loops; a single response other than 200 fails the run."""
    request = _request(order.ports[0], load.path, load.body)
    latencies = Latencies()
    clients = await _connect(order, repeat(request), load.connections, latencies)
    turn = await measure(order, lambda: sum(c.responses for c in clients), latencies)
    for client in clients:
        if client.trouble:
            raise ConnectionError(f"{load.path}: {client.trouble}")
        client.transport.close()
    await let_settle(order)
    return turn


async def rooms(order: Order, load: RoomsLoad) -> Turn:
    """Compare the server's memory before and after rooms that all have been asked."""
    # What the first rooms import and cache is not a room's own.
    warm_up = load.rooms // 10
    await _visit(order, load, range(warm_up))
    before = memory(order)
    await _visit(order, load, range(warm_up, warm_up + load.rooms))
    return Turn(figure=(memory(order) - before) / load.rooms)


async def ask_rooms(order: Order, party: str, numbers: range) -> None:
    """
    Ask each of some rooms once.

    Raises:
        ConnectionError: If one does not answer.
    """
    port = order.ports[0]
    requests = (_request(port, f"/parties/{party}/r{number}") for number in numbers)
    clients = await _connect(order, requests, CONNECTIONS, Latencies())
    await asyncio.gather(*(client.ended for client in clients))
    answered = sum(client.responses for client in clients)
    if answered != len(numbers):
        troubles = {client.trouble for client in clients}
        raise ConnectionError(
            f"only {answered} of {len(numbers)} rooms answered: {troubles}"
        )


async def _visit(order: Order, load: RoomsLoad, numbers: range) -> None:
    for first in range(numbers.start, numbers.stop, load.wave):
        last = min(first + load.wave, numbers.stop)
        await ask_rooms(order, load.party, range(first, last))
        await asyncio.sleep(load.rest)


async def _connect(
    order: Order, requests: Iterator[bytes], count: int, latencies: Latencies
) -> list[_Client]:
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(
            lambda: _Client(requests, latencies), "127.0.0.1", order.ports[0]
        )
        for _ in range(count)
    ]
    return [client for _transport, client in pairs]


def _request(port: int, path: str, text: str | None = None) -> bytes:
    lines = [f"{'GET' if text is None else 'POST'} {path} HTTP/1.1"]
    lines += [f"Host: 127.0.0.1:{port}", "Accept: application/json"]
    body = (text or "").encode()
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
