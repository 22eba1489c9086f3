"""Messages for code that reads a socket, kept in order until it reads them."""

import asyncio
from collections import deque
from typing import Self

from partyrooms.core.frames import payload_size
from partyrooms.exceptions import SocketClosed
from partyrooms.ports.sockets import Closing

MAX_UNREAD = 64 * 1024
"""Bytes of unread messages; from there on the sender waits."""


class MessageQueue:
    """
    Messages in order, then the end of their socket.

    It is used on one event loop.

    Attributes:
        closing: What the socket was closed with; None: it is open.
        unread: Bytes that wait to be read.
    """

    def __init__(self) -> None:
        self.closing: Closing | None = None
        self._messages: deque[str | bytes] = deque()
        self.unread = 0
        self._news = asyncio.Event()
        self._space = asyncio.Event()

    async def space(self) -> None:
        """Wait until less than ``MAX_UNREAD`` is unread, or the socket is closed."""
        while self.closing is None and self.unread >= MAX_UNREAD:
            self._space.clear()
            await self._space.wait()

    def put(self, message: str | bytes) -> None:
        """Append a message, whether there is space or not."""
        self.unread += payload_size(message)
        self._messages.append(message)
        self._news.set()

    async def get(self) -> str | bytes:
        """
        Take the oldest message; safe to cancel.

        Raises:
            SocketClosed: If there is none any more, with code and reason.
        """
        while not self._messages:
            self.require_open()
            self._news.clear()
            await self._news.wait()
        message = self._messages.popleft()
        self.unread -= payload_size(message)
        self._space.set()
        return message

    def require_open(self) -> None:
        """
        Do nothing while the socket is open.

        Raises:
            SocketClosed: If it is closed, with code and reason.
        """
        if self.closing is not None:
            raise SocketClosed(*self.closing)

    def close(self, closing: Closing) -> None:
        """End the queue: waiting readers and writers go on; the first closing stays."""
        if self.closing is None:
            self.closing = closing
        self._news.set()
        self._space.set()


class SocketReader:
    """The end and the iteration of a socket in the project's code."""

    def __init__(self) -> None:
        self._queue = MessageQueue()

    @property
    def close_code(self) -> int | None:
        """What the socket was closed with; None: it is open."""
        return None if self._queue.closing is None else self._queue.closing[0]

    @property
    def close_reason(self) -> str | None:
        """The reason that came with the code."""
        return None if self._queue.closing is None else self._queue.closing[1]

    async def receive(self) -> str | bytes:
        """Take the next message."""
        return await self._queue.get()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        """The next message; the end of the socket ends the iteration."""
        try:
            return await self.receive()
        except SocketClosed:
            raise StopAsyncIteration from None
