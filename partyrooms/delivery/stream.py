"""A streamed answer at its reader, also if the room is in another process."""

import asyncio
from collections import deque
from typing import Self

from partyrooms.exceptions import StreamBroken
from partyrooms.ports.rooms import Source

WINDOW = 256 * 1024
"""Bytes that may be on their way while the reader does not read."""


class StreamReader:
    """
    A ``Sink``: the bytes of one stream, in the pieces in which they come; read once.

    A reader that stops before the end calls ``close``.

    Attributes:
        loop: The event loop where it comes in, and is read.

    Args:
        source: Its other end.
    """

    is_full = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self.loop = asyncio.get_running_loop()
        self._chunks: deque[bytes] = deque()
        self._read = 0
        self._is_over = False
        self._has_failed = False
        self._news: asyncio.Future[None] | None = None
        source.open(self)
        source.grant(WINDOW)

    def chunk(self, data: bytes) -> None:
        """More of the stream has come."""
        self._chunks.append(data)
        self._tell()

    def end(self, failed: bool) -> None:
        """There is no more."""
        self._is_over = True
        self._has_failed = failed
        self._tell()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """
        The next piece.

        Raises:
            StreamBroken: If the room's generator did not come to its end.
        """
        while not self._chunks:
            if self._has_failed:
                raise StreamBroken("The room ended this stream before its generator.")
            if self._is_over:
                raise StopAsyncIteration
            self._news = self.loop.create_future()
            await self._news
        data = self._chunks.popleft()
        self._read += len(data)
        if self._read >= WINDOW // 2 and not self._is_over:
            self._source.grant(self._read)
            self._read = 0
        return data

    def close(self) -> None:
        """Read no further; the room's generator is closed. Callable from any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._leave)

    def cut(self) -> None:
        """End it before its end, for the reader as well: this process is going away."""
        if not self._is_over:
            self.end(True)
            self._source.leave()

    def _leave(self) -> None:
        self._chunks.clear()
        if not self._is_over:
            self.end(False)
            self._source.leave()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
