"""What an application has not received yet; full, it stops the reading."""

import asyncio
from collections import deque
from typing import Any, Protocol

MAX_WAITING_SIZE = 1 << 16
"""Bytes (characters of text) that may wait before nothing more is read."""

Event = dict[str, Any]


class Reading(Protocol):
    """What can be stopped while enough waits."""

    def pause_reading(self) -> None:
        """Read nothing more."""

    def resume_reading(self) -> None:
        """Read again."""


class Wakeup:
    """Wakes all coroutines that wait for something; each may be cancelled."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def next(self) -> asyncio.Future[None]:
        """Wait for the next ``wake()``, by awaiting this."""
        if self._waiting:
            # Those that were cancelled do not pile up.
            self._waiting = [one for one in self._waiting if not one.done()]
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def wake(self) -> None:
        """Wake whoever waits now."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                if not one.done():
                    one.set_result(None)


class Inbox:
    """
    The events of one WebSocket for ``receive()``; a ``Sink``.

    Args:
        reading: Stopped while the inbox is full, and read on when it is empty again.
        max_messages: How many may wait, though what a single read gave comes in.
    """

    __slots__ = (
        *("_reading", "_max_messages", "_events", "_size", "_is_full", "_ending"),
        "_arrival",
    )

    def __init__(self, reading: Reading, max_messages: int) -> None:
        self._reading = reading
        self._max_messages = max_messages
        self._events: deque[Event] = deque([{"type": "websocket.connect"}])
        self._size = 0
        self._is_full = False
        self._ending: Event | None = None
        self._arrival = Wakeup()

    def message_received(self, payload: str | bytes) -> None:
        """Keep a message until it is asked for."""
        key = "text" if isinstance(payload, str) else "bytes"
        self._events.append({"type": "websocket.receive", key: payload})
        self._size += len(payload)
        self._arrival.wake()
        if not self._is_full and (
            self._size > MAX_WAITING_SIZE or len(self._events) > self._max_messages
        ):
            self._is_full = True
            self._reading.pause_reading()

    def paused(self) -> None:
        """Not told: ``send()`` waits by itself."""

    resumed = paused

    def end(self, code: int, reason: str) -> None:
        """Let ``websocket.disconnect`` follow; the first one counts."""
        if self._ending is None:
            self._ending = {
                "type": "websocket.disconnect",
                "code": code,
                "reason": reason,
            }
            self._arrival.wake()

    async def get(self) -> Event:
        """
        Take the next event; after the last one, ``websocket.disconnect`` again.

        Safe to cancel: no event is lost.
        """
        events = self._events
        while not events:
            if self._ending is not None:
                return self._ending
            await self._arrival.next()
        event = events.popleft()
        if self._is_full and not events:
            self._has_space()
        elif not events:
            self._size = 0
        return event

    def take_messages(self) -> list[str | bytes]:
        """Take the messages that nobody has asked for, and leave other events."""
        messages: list[str | bytes] = []
        others: deque[Event] = deque()
        for event in self._events:
            if event["type"] == "websocket.receive":
                text = event.get("text")
                messages.append(event["bytes"] if text is None else text)
            else:
                others.append(event)
        self._events = others
        self._has_space()
        return messages

    def _has_space(self) -> None:
        self._size = 0
        if self._is_full:
            self._is_full = False
            self._reading.resume_reading()
