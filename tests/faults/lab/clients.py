"""A client of a ledger that writes down what it sends, sees, and how it is closed."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from partyrooms.nodes.process import boot_clock
from tests.faults.lab.history import Attempt, Frame, Kind, Visit
from tests.faults.lab.news import News
from tests.servers.client import Client as Socket
from tests.servers.client import open_socket

HANDSHAKE_TIMEOUT = 15.0

RETRY_DELAY = 0.05
"""Seconds until a client that was closed, or not let in, tries again."""


class Client:
    """
    One client: it comes back under the same id, and sends no op a second time.

    Attributes:
        name: Also its connection id.
        visits: Its connections, one after the other.
        seen: Epoch and position of the last frame of the present connection.
        acknowledged: How many of its ops were, on all connections.
        unanswered: How many of the present connection's were not yet.
        refusals: How many handshakes failed.
        padding: Bytes by which each op is longer than it need be.

    Args:
        address: Where to connect to, asked each time; the id is added.
        news: Told of each frame, and of each beginning and end of a connection.
    """

    def __init__(self, name: str, address: Callable[[], str], news: News) -> None:
        self.name = name
        self.visits: list[Visit] = []
        self.seen = (0, 0)
        self.acknowledged = 0
        self.unanswered = 0
        self.refusals = 0
        self.padding = 0
        self.news = news
        self._address = address
        self._numbers = count(1)
        self._socket: Socket | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is connected and welcomed."""
        return self._socket is not None and bool(self.visits[-1].frames)

    async def run(self) -> None:
        """Stay connected until cancelled; that does not count as a connection's end."""
        while True:
            try:
                socket = await open_socket(
                    f"{self._address()}?_pk={self.name}", open_timeout=HANDSHAKE_TIMEOUT
                )
            except (OSError, InvalidHandshake):
                self.refusals += 1
            else:
                await self._stay(socket)
            await asyncio.sleep(RETRY_DELAY)

    async def send(self) -> tuple[Visit, str]:
        """
        Send the next op as soon as it is connected.

        Returns:
            The connection by which, and the op; whether it arrives is another matter.
        """
        await self.news.until(lambda: self.is_open)
        assert self._socket is not None
        visit = self.visits[-1]
        op = f"{self.name}-{next(self._numbers)}{'.' * self.padding}"
        visit.attempts.append(Attempt(op, boot_clock()))
        self.unanswered += 1
        with suppress(ConnectionClosed):  # It is written down where frames are read.
            await self._socket.send(op)
        return visit, op

    async def ask(self) -> Frame:
        """Send ops, one for each connection, until one is acknowledged."""
        while True:
            visit, op = await self.send()
            answer = await self._answer(visit, op)
            if answer is not None:
                return answer

    async def _answer(self, visit: Visit, op: str) -> Frame | None:
        """The acknowledgement of an op; None: the connection ended before."""

        def found() -> list[Frame]:
            return [frame for frame in visit.frames if frame.op == op]

        await self.news.until(lambda: found() or visit.close_code is not None)
        return next(iter(found()), None)

    async def _stay(self, socket: Socket) -> None:
        visit = Visit(self.name)
        self.visits.append(visit)
        self._socket = socket
        self.unanswered = 0
        try:
            while True:
                self._take(visit, json.loads(await socket.recv()))
                self.news.spread()
        except ConnectionClosed:
            visit.close_code = socket.close_code
        finally:
            self._socket = None
            self.news.spread()
            socket.transport.abort()

    def _take(self, visit: Visit, told: dict[str, str | int]) -> None:
        frame = Frame(Kind(told.pop("kind")), at=boot_clock(), **told)
        visit.frames.append(frame)
        if frame.kind is Kind.ACKNOWLEDGEMENT:
            self.acknowledged += 1
            self.unanswered -= 1
        else:
            self.seen = (frame.epoch, frame.position)
