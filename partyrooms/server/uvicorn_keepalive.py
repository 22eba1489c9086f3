"""
uvicorn's own keepalive, for sockets that are not read for their room's sake.

uvicorn closes a client with 1011 if it has not read a pong in time, though it does not
read while the application takes nothing. It has no option for that. So the method that
its timer calls is covered at the one connection: here and nowhere else, and
``test_uvicorn_keepalive.py`` fails when uvicorn names it otherwise. Servers that
have no such method are left alone: Daphne reads on, ``websockets.Protocol`` knows by
itself what it does not read.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PARTS = ("keepalive_timeout", "ping_timeout", "pong_timer")
"""What uvicorn's classes ``websockets-sansio`` and ``wsproto`` have."""


class Reading:
    """
    Whether a socket is read, and since when.

    Args:
        clock: The event loop's.
    """

    __slots__ = ("_clock", "_since")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = clock()

    def stop(self) -> None:
        """Nobody reads from now on."""
        self._since = None

    def go_on(self) -> None:
        """It is read again."""
        self._since = self._clock()

    def lacks(self, seconds: float) -> float:
        """How much longer it must be read until it was for so long without a break."""
        if self._since is None:
            return seconds
        return self._since + seconds - self._clock()


@contextmanager
def sparing(receive: Callable[[], Any], reading: Reading) -> Iterator[None]:
    """
    Close nobody for a pong that could not be read, for the block.

    Args:
        receive: As the server gave it to the application.
        reading: Tells whether the socket is read.
    """
    protocol: Any = getattr(receive, "__self__", None)
    if not all(hasattr(protocol, part) for part in PARTS):
        yield
        return
    loop, timed_out = asyncio.get_running_loop(), protocol.keepalive_timeout

    def look() -> None:
        left = reading.lacks(protocol.ping_timeout)
        if left > 0:
            protocol.pong_timer = loop.call_later(left, look)
        else:
            timed_out()

    protocol.keepalive_timeout = look
    try:
        yield
    finally:
        del protocol.keepalive_timeout  # else the two would keep each other alive
