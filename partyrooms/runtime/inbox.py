"""The ways into a room: what comes is made an event of."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from partyrooms.core.frames import Answer
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import ConnectionTrouble
from partyrooms.ports.rooms import Chain
from partyrooms.ports.sockets import Closing, ConnectionContext, Socket
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
from partyrooms.runtime.mailbox import Mailbox


class EventInbox(ABC):
    """
    The part of a ``RoomInbox`` that makes events; where they go is a subclass's.

    Args:
        key: Which room.
        mailbox: Where events wait.
    """

    def __init__(self, key: RoomKey, mailbox: Mailbox) -> None:
        self.key = key
        self.mailbox = mailbox

    @abstractmethod
    def put(self, event: Event) -> None:
        """Take an event, in its order."""

    @property
    def entrance(self) -> Mailbox:
        """Where an event would wait that is put in now."""
        return self.mailbox

    @property
    def is_full(self) -> bool:
        """Whether there is no place for a newcomer's event."""
        return self.entrance.is_full

    async def space(self, socket: Socket | None = None) -> None:
        """Wait for a place; see ``Mailbox.space``."""
        await self.entrance.space(socket)

    def connect(
        self, socket: Socket, context: ConnectionContext, chain: Chain = ()
    ) -> None:
        """A socket asks to be let in; the socket is told the outcome."""
        self.put(Connect(socket, context, chain=chain))

    def message(self, socket: Socket, payload: str | bytes) -> bool:
        """A frame has come; whether the gateway is to wait for ``space(socket)``."""
        self.put(Message(socket, payload))
        return self.mailbox.places.must_wait(socket, len(self.mailbox))

    def trouble(self, socket: Socket, error: ConnectionTrouble) -> None:
        """A socket is in trouble and will be closed."""
        self.put(SocketError(socket, error))

    def closed(self, socket: Socket, closing: Closing, was_clean: bool) -> None:
        """A socket has ended."""
        self.put(Closed(socket, closing, was_clean))

    def request(self, request: Any, chain: Chain = ()) -> "asyncio.Future[Answer]":
        """Put an HTTP request in and get what awaits its answer."""
        self.entrance.require_time()
        reply = self._reply()
        self.put(Request(request, reply, chain=chain))
        return reply

    def call(
        self, name: str, arguments: Mapping[str, Any], chain: Chain = ()
    ) -> "asyncio.Future[Any]":
        """Put one of ``runtime.calls`` in and get what awaits its result."""
        reply = self._reply()
        self.put(Call(name, arguments, reply, chain=chain))
        return reply

    def alarm_due(self, at: datetime) -> "asyncio.Future[None]":
        """The room's alarm is due; what awaits that it was handled, or is not due."""
        reply = self._reply()
        self.put(AlarmEvent(at, reply))
        return reply

    def _reply(self) -> "asyncio.Future[Any]":
        self.entrance.require_space()
        return asyncio.get_running_loop().create_future()
