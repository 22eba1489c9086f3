"""The bounded queue of one room's events, and the ways into it."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from partyrooms.core.frames import Answer
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import ConnectionTrouble, MailboxFull
from partyrooms.ports.cluster import Closing, Socket
from partyrooms.runtime.connection import ConnectionContext
from partyrooms.runtime.events import (
    Call,
    Closed,
    Connect,
    Event,
    Message,
    Request,
    SocketError,
)
from partyrooms.runtime.events.alarm import AlarmEvent


class Mailbox(ABC):
    """
    Events in the order of their arrival; who empties it is a subclass.

    What a socket sends is always taken, and gateways wait for space before they read
    on: so the bound is exceeded by at most one event per socket. Who can be told to
    come back later is turned away when it is full.

    Args:
        key: Which room.
        capacity: How many events may wait.
    """

    def __init__(self, key: RoomKey, capacity: int) -> None:
        self.key = key
        self._capacity = capacity
        self._waiting: deque[Event] = deque()
        self._space: asyncio.Future[None] | None = None

    @abstractmethod
    def _arrived(self) -> None:
        """An event was put in."""

    @property
    def is_full(self) -> bool:
        """Whether gateways are to wait before they put more in."""
        return len(self._waiting) >= self._capacity

    async def space(self) -> None:
        """Wait until it is not full."""
        while self.is_full:
            if self._space is None:
                self._space = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._space)

    def connect(
        self, socket: Socket, context: ConnectionContext, chain: tuple[str, ...] = ()
    ) -> None:
        """A socket asks to be let in; the socket is told the outcome."""
        self._put(Connect(socket, context, chain=chain))

    def message(self, socket: Socket, payload: str | bytes) -> bool:
        """A frame has come; whether the gateway is to wait for space now."""
        self._put(Message(socket, payload))
        return self.is_full

    def trouble(self, socket: Socket, error: ConnectionTrouble) -> None:
        """A socket is in trouble and will be closed."""
        self._put(SocketError(socket, error))

    def closed(self, socket: Socket, closing: Closing, was_clean: bool) -> None:
        """A socket has ended."""
        self._put(Closed(socket, closing, was_clean))

    def request(
        self, request: Any, chain: tuple[str, ...] = ()
    ) -> "asyncio.Future[Answer]":
        """Put an HTTP request in and get what awaits its answer."""
        self._require_space()
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._put(Request(request, reply, chain=chain))
        return reply

    def call(
        self, name: str, arguments: Mapping[str, Any], chain: tuple[str, ...] = ()
    ) -> "asyncio.Future[Any]":
        """Put one of ``runtime.calls`` in and get what awaits its result."""
        self._require_space()
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(Call(name, arguments, reply, chain=chain))
        return reply

    def alarm_due(self, at: datetime) -> "asyncio.Future[None]":
        """The room's alarm is due; what awaits that it was handled, or is not due."""
        self._require_space()
        reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(AlarmEvent(at, reply))
        return reply

    def _put(self, event: Event) -> None:
        self._waiting.append(event)
        self._arrived()

    def _require_space(self) -> None:
        if self.is_full:
            raise MailboxFull(
                f"{self.key} has {len(self._waiting)} events waiting, as many as "
                "MAILBOX_SIZE allows; come back later."
            )

    def _take(self) -> Event:
        """The next event; whoever waits for space hears of it."""
        event = self._waiting.popleft()
        if self._space is not None:
            self._freed()
        return event

    def _freed(self) -> None:
        if self._space is not None and not self.is_full:
            self._space.set_result(None)
            self._space = None

    def _take_all(self) -> list[Event]:
        """Every event that waits now."""
        return [self._take() for _ in range(len(self._waiting))]
