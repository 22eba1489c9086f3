"""What a socket brings: its arrival, frames, trouble and its end."""

import logging
from collections.abc import Awaitable
from functools import partial
from typing import Any, ClassVar

from partyrooms.core.validation import as_tags
from partyrooms.delivery.requests import load_copied
from partyrooms.delivery.surroundings import within
from partyrooms.exceptions import ConnectionTrouble
from partyrooms.ports.sockets import Closing, ConnectionContext, Socket
from partyrooms.runtime.connection import Connection, hold_back, is_open, let_in, shut
from partyrooms.runtime.events.event import (
    ROOM_FAILED,
    Event,
    is_out_of_reach,
    nothing,
)
from partyrooms.runtime.life import Life
from partyrooms.runtime.turn import Turn

logger = logging.getLogger("partyrooms.runtime")

OTHER_USER: Closing = (3009, "this connection id is in use by another user")
ROOM_FULL: Closing = (1013, "the room is full")


class SocketEvent(Event):
    """What one socket brings."""

    travels: ClassVar[bool] = True

    socket: Socket

    def client(self) -> Socket:
        return self.socket

    def origin(self, life: Life) -> tuple[Connection | None, Any]:
        return life.connections.of(self.socket), None


class Connect(SocketEvent):
    """A socket asks to be let in."""

    hook: ClassVar[str] = "on_connect"

    context: ConnectionContext
    connection: Connection | None = None

    def origin(self, life: Life) -> tuple[Connection | None, Any]:
        return self.connection, self.context.request

    async def act(self, life: Life, turn: Turn) -> None:
        socket = self.socket
        if socket.is_gone:
            return
        turn.chain = (*self.chain, *turn.chain)
        refusal = _refusal(life, socket)
        if refusal is not None:
            turn.outputs.append((socket.drop, refusal, socket.node))
            return
        connection = Connection(life.outputs, life.connections, socket)
        hold_back(connection, turn)
        call = partial(self._call_hooks, life, turn, connection)
        await within(self.context.request, call, is_served=life.has_lane)

    async def _call_hooks(self, life: Life, turn: Turn, connection: Connection) -> None:
        socket = self.socket
        if life.has_lane:
            await load_copied(self.context.request)
        tags = await life.hooks.get_connection_tags(connection, self.context)
        connection.tags = as_tags(connection.id, tags)
        self.connection = connection
        life.connections.welcome(connection)
        # Before whatever get_connection_tags sent to it.
        turn.outputs.insert(0, (socket.accept, connection.tags, socket.node))
        await life.hooks.on_connect(connection, self.context)
        turn.outputs.append((let_in, connection, socket.node))

    def fail(self, life: Life, turn: Turn, error: Exception) -> bool:
        socket, connection = self.socket, self.connection
        if connection is None:
            turn.outputs.append((socket.drop, ROOM_FAILED, socket.node))
        else:
            # It has been seen by on_connect, so it is closed like any other, and
            # on_close is called for it.
            shut(connection)
            turn.outputs += [
                (socket.accept, connection.tags, socket.node),
                (socket.close, ROOM_FAILED, socket.node),
                (let_in, connection, socket.node),
            ]
        return True

    def abandon(self, error: Exception) -> None:
        self.socket.drop(_closing_for(error))


class Message(SocketEvent):
    """A frame has come."""

    hook: ClassVar[str] = "on_message"

    payload: str | bytes

    def wakes(self) -> bool:
        return not self.socket.is_dropped

    def act(self, life: Life, turn: Turn) -> Awaitable[None]:
        connection = life.connections.of(self.socket)
        if connection is None or not is_open(connection):
            return nothing()  # The client has left.
        # The hook's own coroutine: one around it would cost as much as the turn.
        return life.hooks.on_message(self.payload, connection)

    def abandon(self, error: Exception) -> None:
        self.socket.drop(_closing_for(error))


class SocketError(SocketEvent):
    """A socket is in trouble and will be closed."""

    hook: ClassVar[str] = "on_error"

    error: ConnectionTrouble

    async def act(self, life: Life, turn: Turn) -> None:
        connection = life.connections.of(self.socket)
        if connection is not None:
            await life.hooks.on_error(connection, self.error)


class Closed(SocketEvent):
    """
    A socket has ended.

    Attributes:
        is_missed: The room could not be started for it, whoever closed the socket.
    """

    hook: ClassVar[str] = "on_close"

    closing: Closing
    was_clean: bool
    is_missed: bool = False
    connection: Connection | None = None

    def wakes(self) -> bool:
        return not self.socket.is_dropped

    def origin(self, life: Life) -> tuple[Connection | None, Any]:
        return self.connection, None

    async def act(self, life: Life, turn: Turn) -> None:
        socket = self.socket
        connection = life.connections.of(socket)
        if connection is None:
            if not self.is_missed and (not socket.is_accepted or socket.is_dropped):
                return  # It never reached on_connect, or an earlier life closed it.
            # It left while the room was away.
            connection = Connection(life.outputs, life.connections, socket)
        self.connection = connection
        life.connections.end(connection)
        connection.close_code, connection.close_reason = self.closing
        connection.was_clean = self.was_clean
        await life.hooks.on_close(connection)


def _refusal(life: Life, socket: Socket) -> Closing | None:
    """Why a socket is not let in, logged; None: it is."""
    profile = socket.profile
    namesake = life.connections.newest(profile.id)
    limit = life.room.max_connections
    if namesake is not None and namesake.user_id != profile.user_id:
        refusal = OTHER_USER
    elif limit is not None and len(life.connections) >= limit:
        refusal = ROOM_FULL
    else:
        return None
    logger.warning(
        "A connection to %s is refused with %d: %s",
        life.key,
        *refusal,
        extra={
            "action": "connection_refused",
            "room": str(life.key),
            "code": refusal[0],
        },
    )
    return refusal


def _closing_for(error: Exception) -> Closing:
    if is_out_of_reach(error):
        return error.close_code, "the room cannot be reached; come back later"
    return ROOM_FAILED
