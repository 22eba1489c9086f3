"""Pings, and what is made of a client that does not answer them."""

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from partyrooms.server.websocket_frames import PING, encode_frame


class Pinged(Protocol):
    """The socket that is kept alive."""

    @property
    def is_reading(self) -> bool:
        """Whether a pong would be read if it came."""

    @property
    def reading_since(self) -> float:
        """The event loop's time since which it is read without a break."""

    def write(self, frame: bytes) -> None:
        """Write a ping."""


class KeepAlive:
    """
    Pings a client at intervals and tells when no pong came in time.

    A pong that cannot be read, because the application does not keep up with what the
    client sends, is not held against the client: it may be behind much that was not
    read, so its time counts from when all is read again.

    Args:
        socket: Whom to ping.
        interval: Seconds between a pong, or the start, and the next ping; None or 0
            means no pings.
        timeout: Seconds that a pong may take; None: for ever.
        on_timeout: Called once when it took longer.
    """

    __slots__ = (
        *("_socket", "_interval", "_timeout", "_on_timeout"),
        *("_loop", "_timer", "_expected", "_sent_at"),
    )

    def __init__(
        self,
        socket: Pinged,
        *,
        interval: float | None,
        timeout: float | None,
        on_timeout: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._interval = interval
        self._timeout = timeout
        self._on_timeout = on_timeout
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._expected: bytes | None = None
        self._sent_at = 0.0

    def start(self) -> None:
        """Send the first ping after the interval."""
        if self._interval:
            self._timer = self._loop.call_later(self._interval, self._ping)

    def stop(self) -> None:
        """Send no more pings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._expected = None

    def pong_received(self, payload: bytes) -> None:
        """Take note of a pong; one that answers no present ping changes nothing."""
        if payload != self._expected:
            return
        self._expected = None
        if self._timeout is not None:
            self._schedule(self._loop.time() - self._sent_at)

    def _ping(self) -> None:
        self._expected = os.urandom(4)
        self._sent_at = self._loop.time()
        self._socket.write(encode_frame(PING, self._expected))
        if self._timeout is None:
            self._schedule(0.0)
        else:
            self._timer = self._loop.call_later(self._timeout, self._missed)

    def _schedule(self, taken: float) -> None:
        """Ping again, as long after the last ping as the interval says."""
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, (self._interval or 0.0) - taken)
        self._timer = self._loop.call_later(delay, self._ping)

    def _missed(self) -> None:
        left = self._timeout or 0.0
        if self._socket.is_reading:
            since = max(self._sent_at, self._socket.reading_since)
            left += since - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._missed)
            return
        self._timer = None
        self._on_timeout()
