"""What a socket brings: its arrival, frames, trouble and its end."""

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from partyrooms.core.validation import as_tags
from partyrooms.exceptions import ConnectionTrouble
from partyrooms.ports.cluster import Closing, Socket
from partyrooms.runtime.connection import Connection, ConnectionContext
from partyrooms.runtime.events.event import ROOM_FAILED, is_out_of_reach
from partyrooms.runtime.turn import Output, Turn

if TYPE_CHECKING:
    from partyrooms.runtime.life import Life

logger = logging.getLogger("partyrooms.runtime")

OTHER_USER: Closing = (3009, "this connection id is in use by another user")
ROOM_FULL: Closing = (1013, "the room is full")


class Connect(msgspec.Struct, eq=False):
    """A socket asks to be let in."""

    hook: ClassVar[str] = "on_connect"
    travels: ClassVar[bool] = True

    socket: Socket
    context: ConnectionContext
    receipt: Output | None = None
    connection: Connection | None = None
    wakes: bool = True
    chain: tuple[str, ...] = ()

    async def act(self, life: "Life", turn: Turn) -> None:
        socket = self.socket
        if socket.is_gone:
            return
        turn.chain = (*self.chain, *turn.chain)
        refusal = _refusal(life, socket)
        if refusal is not None:
            code, reason = refusal
            logger.warning(
                "A connection to %s is refused with %d: %s",
                life.key,
                code,
                reason,
                extra={
                    "action": "connection_refused",
                    "room": str(life.key),
                    "code": code,
                },
            )
            turn.outputs.append((socket.drop, refusal))
            return
        connection = Connection(life, socket)
        connection._connecting = turn
        tags = await life.hooks.get_connection_tags(connection, self.context)
        connection.tags = as_tags(connection.id, tags)
        self.connection = connection
        life.welcome(connection)
        # Before whatever get_connection_tags sent to it.
        turn.outputs.insert(0, (socket.accept, connection.tags))
        await life.hooks.on_connect(connection, self.context)
        turn.outputs.append((connection._let_in, None))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        if self.connection is None:
            turn.outputs.append((self.socket.drop, ROOM_FAILED))
        else:
            # It has been seen by on_connect, so it is closed like any other, and
            # on_close hears of it.
            turn.outputs.append((self.socket.accept, self.connection.tags))
            self.connection._shut()
            turn.outputs.append((self.socket.close, ROOM_FAILED))
            turn.outputs.append((self.connection._let_in, None))
        return True

    def abandon(self, error: Exception) -> None:
        self.socket.drop(_closing_for(error))


class Message(msgspec.Struct, eq=False):
    """A frame has come."""

    hook: ClassVar[str] = "on_message"
    travels: ClassVar[bool] = True

    socket: Socket
    payload: str | bytes
    receipt: Output | None = None

    @property
    def connection(self) -> Connection | None:
        return self.socket.connection

    @property
    def wakes(self) -> bool:
        return not self.socket.is_dropped

    def act(self, life: "Life", turn: Turn) -> Awaitable[None]:
        connection = self.socket.connection
        if connection is None or not connection._is_open:
            return _nothing()
        # The hook's own coroutine: one around it would cost as much as the turn.
        return life.hooks.on_message(self.payload, connection)

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        self.socket.drop(_closing_for(error))


class SocketError(msgspec.Struct, eq=False):
    """A socket is in trouble and will be closed."""

    hook: ClassVar[str] = "on_error"
    travels: ClassVar[bool] = True

    socket: Socket
    error: ConnectionTrouble
    receipt: Output | None = None
    wakes: bool = True

    @property
    def connection(self) -> Connection | None:
        return self.socket.connection

    async def act(self, life: "Life", turn: Turn) -> None:
        connection = self.socket.connection
        if connection is not None:
            await life.hooks.on_error(connection, self.error)

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        pass  # The socket is closed anyway.


class Closed(msgspec.Struct, eq=False):
    """A socket has ended."""

    hook: ClassVar[str] = "on_close"
    travels: ClassVar[bool] = True

    socket: Socket
    closing: Closing
    was_clean: bool
    receipt: Output | None = None
    connection: Connection | None = None
    is_owed: bool = False
    """The room could not be started to hear of it, whoever has closed the socket."""

    @property
    def wakes(self) -> bool:
        return not self.socket.is_dropped

    async def act(self, life: "Life", turn: Turn) -> None:
        socket = self.socket
        connection = socket.connection
        if connection is None:
            if not self.is_owed and (not socket.is_accepted or socket.is_dropped):
                return  # It never reached on_connect, or an earlier life closed it.
            connection = Connection(life, socket)  # It left while the room was away.
        self.connection = connection
        socket.connection = None
        connection._shut()
        life.leaving.pop(connection, None)
        connection.close_code, connection.close_reason = self.closing
        connection.was_clean = self.was_clean
        await life.hooks.on_close(connection)

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        pass  # Nobody is there any more.


async def _nothing() -> None:
    """What there is to do for somebody who has left."""


def _refusal(life: "Life", socket: Socket) -> Closing | None:
    profile = socket.profile
    namesake = life.connections.newest(profile.id)
    if namesake is not None and namesake.user_id != profile.user_id:
        return OTHER_USER
    limit = life.room.max_connections
    if limit is not None and len(life.connections) >= limit:
        return ROOM_FULL
    return None


def _closing_for(error: Exception) -> Closing:
    if is_out_of_reach(error):
        return error.close_code, "the room cannot be reached; come back later"
    return ROOM_FAILED
