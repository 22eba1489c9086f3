"""The loads that are WebSockets."""

import asyncio
import time
from collections.abc import Callable
from itertools import chain
from typing import Generic, TypeVar

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.figures import Turn
from benchmarks.load.http import ask_rooms
from benchmarks.load.loads import (
    EchoLoad,
    FanOutLoad,
    IdleLoad,
    Order,
    StartLoad,
)
from benchmarks.load.meter import Latencies, Meter, let_settle, measure, memory

MESSAGE = b"x" * 64
DRAIN_TIMEOUT = 20.0  # seconds
WAVE = 20  # handshakes at a time
FIRST_ANSWER = 30.0  # seconds


class _Socket(WSListener):
    """A socket that minds its transport and knows when it was cut off."""

    transport: WSTransport
    end: str | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.end = f"{frame.get_close_code()} {frame.get_close_reason()}"
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            self.on_text()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.end = self.end or "no close frame"

    def on_text(self) -> None:
        raise NotImplementedError

    def say(self) -> None:
        self.transport.send(WSMsgType.TEXT, MESSAGE)


class _EchoSocket(_Socket):
    def __init__(self, latencies: Latencies) -> None:
        self.echoes = 0
        self._note = latencies.note
        self._said_at = 0.0

    def start(self) -> None:
        self._said_at = time.perf_counter()
        self.say()

    def on_text(self) -> None:
        self.echoes += 1
        now = time.perf_counter()
        self._note(now - self._said_at)
        self._said_at = now
        self.transport.send(WSMsgType.TEXT, MESSAGE)


class _Fan:
    """Keeps a window of rounds under way among its sockets."""

    def __init__(self) -> None:
        self.sockets: list[_FanSocket] = []
        self.deliveries = 0
        self._next_round_at = 0
        self._sent = 0
        self._is_stopping = False

    def start(self, window: int) -> None:
        self._next_round_at = len(self.sockets)
        for _ in range(window):
            self._send_round()

    def delivered(self) -> None:
        self.deliveries += 1
        if self.deliveries == self._next_round_at:
            self._next_round_at += len(self.sockets)
            self._send_round()

    async def stop(self) -> None:
        """Send no more; wait a while for what is under way."""
        self._is_stopping = True
        deadline = time.monotonic() + DRAIN_TIMEOUT
        while self.deliveries < self._sent * len(self.sockets):
            if time.monotonic() > deadline:
                raise ConnectionError("Some frames never arrived")
            await asyncio.sleep(0.05)

    def _send_round(self) -> None:
        if self._is_stopping:
            return
        self.sockets[self._sent % len(self.sockets)].say()
        self._sent += 1


class _FanSocket(_Socket):
    def __init__(self, fan: _Fan) -> None:
        self.on_text = fan.delivered  # type: ignore[method-assign]


class _FirstSocket(_Socket):
    """Says one thing, and knows when it was answered."""

    def __init__(self) -> None:
        self.answered = asyncio.get_running_loop().create_future()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        super().on_ws_disconnected(transport)
        if not self.answered.done():
            self.answered.set_exception(ConnectionError(f"cut off: {self.end}"))

    def on_text(self) -> None:
        self.answered.set_result(None)


class _IdleSocket(_Socket):
    def on_text(self) -> None:
        raise AssertionError("An idle socket was sent a message.")


S = TypeVar("S", bound=_Socket)


class Crowd(Generic[S]):
    """Sockets that are opened and closed together."""

    def __init__(self, port: int, make: Callable[[], S]) -> None:
        self._url = f"ws://127.0.0.1:{port}/parties"
        self._make = make
        self.sockets: list[S] = []

    async def open(self, party: str, count: int, rooms: int = 1) -> None:
        """Connect ``count`` more sockets, spread evenly over ``rooms``."""
        for first in range(0, count, WAVE):
            wave = range(first, min(first + WAVE, count))
            pairs = await asyncio.gather(
                *(self.connect(f"{party}/r{n % rooms}") for n in wave)
            )
            self.sockets.extend(pairs)

    async def connect(self, path: str) -> S:
        """Connect a socket, which is not of the crowd yet."""
        socket = self._make()
        await ws_connect(
            lambda: socket,
            f"{self._url}/{path}",
            websocket_handshake_timeout=FIRST_ANSWER,
        )
        return socket

    def check(self) -> None:
        """Raise if the server cut a socket off: its figures would mean nothing."""
        if ends := [socket.end for socket in self.sockets if socket.end]:
            raise ConnectionError(
                f"{len(ends)} of {len(self.sockets)} sockets were cut off: {ends[0]}"
            )

    async def close(self) -> None:
        """Disconnect all and wait until they are."""
        for socket in self.sockets:
            socket.transport.disconnect()
        await asyncio.gather(*(s.transport.wait_disconnected() for s in self.sockets))
        self.sockets.clear()


async def echo(order: Order, load: EchoLoad) -> Turn:
    """Run the closed loop."""
    if load.asked:
        await ask_rooms(order, "awake", range(load.asked))
        await let_settle(order)
    latencies = Latencies()
    crowd = Crowd(order.ports[0], lambda: _EchoSocket(latencies))
    await crowd.open(load.party, load.sockets, load.rooms)
    for socket in crowd.sockets:
        socket.start()
    turn = await measure(order, lambda: sum(s.echoes for s in crowd.sockets), latencies)
    crowd.check()
    if silent := sum(not socket.echoes for socket in crowd.sockets):
        raise ConnectionError(f"{silent} of {load.sockets} sockets never had an echo")
    await crowd.close()
    await let_settle(order)
    return turn


async def fan_out(order: Order, load: FanOutLoad) -> Turn:
    """Run rounds and count what arrives."""
    fan = _Fan()
    crowds = [Crowd(port, lambda: _FanSocket(fan)) for port in order.ports]
    for crowd in crowds:
        await crowd.open(load.party, load.sockets // len(crowds))
    # The server may accept a socket a moment before it is in the room's audience.
    await asyncio.sleep(0.2)
    # Who speaks next is at the next port.
    fan.sockets = list(chain(*zip(*(crowd.sockets for crowd in crowds), strict=True)))
    fan.start(load.window)
    turn = await measure(order, lambda: fan.deliveries)
    for crowd in crowds:
        crowd.check()
    if not turn.figure:
        raise ConnectionError("No frame arrived: the server lost messages")
    await fan.stop()
    for crowd in crowds:
        await crowd.close()
    await let_settle(order)
    return turn


async def start(order: Order, load: StartLoad) -> Turn:
    """Connect one socket after another, in as many lines as there is window."""
    crowd = Crowd(order.ports[0], _FirstSocket)
    new = f"{load.party}/{time.time_ns():x}"  # No run before had such rooms.
    numbers = iter(range(load.sockets))

    async def connect_some() -> None:
        for number in numbers:
            socket = await crowd.connect(f"{new}-{number % load.rooms}")
            crowd.sockets.append(socket)
            socket.say()
            try:
                await asyncio.wait_for(socket.answered, FIRST_ANSWER)
            except TimeoutError as error:
                words = f"socket {number} had no answer in {FIRST_ANSWER:g} s"
                raise ConnectionError(words) from error

    meter = Meter(order)
    await asyncio.gather(*(connect_some() for _ in range(load.window)))
    turn = meter.turn(load.sockets)
    crowd.check()
    await crowd.close()
    await let_settle(order)
    return turn


async def idle(order: Order, load: IdleLoad) -> Turn:
    """Compare the server's memory before and after."""
    crowd = Crowd(order.ports[0], _IdleSocket)
    # What the first handshakes import and cache is not a socket's own.
    await crowd.open(load.party, 2 * WAVE)
    await crowd.close()
    await let_settle(order)
    before = memory(order)
    await crowd.open(load.party, load.sockets, load.rooms)
    await let_settle(order)
    after = memory(order)
    crowd.check()
    await crowd.close()
    return Turn(figure=(after - before) / load.sockets)
