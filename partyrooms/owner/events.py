"""What can happen to a room: each event acts inside a turn, and knows how to fail."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeGuard

import msgspec

from partyrooms.bus.contract import Closing, Line, Recaller
from partyrooms.connection import Connection, ConnectionContext
from partyrooms.core.given import as_tags
from partyrooms.core.messages import Answer, AnswerKind
from partyrooms.core.progress import LOST
from partyrooms.exceptions import ConnectionTrouble, PartyroomsError
from partyrooms.owner.calls import CALLS, failure
from partyrooms.owner.outflow import Outflow
from partyrooms.owner.turn import Output, Turn
from partyrooms.responses import chunks_of, error_answer, to_answer

if TYPE_CHECKING:
    from partyrooms.owner.life import Life

logger = logging.getLogger("partyrooms.owner")

OTHER_USER: Closing = (3009, "this connection id is in use by another user")
ROOM_FULL: Closing = (1013, "the room is full")
LATE: Closing = (3010, "messages were lost; come back")
ROOM_FAILED: Closing = (1011, "the room failed")


class Event(Protocol):
    """
    Something that a room handles in one turn.

    Attributes:
        hook: Its name, for errors.
        connection: Whose event it is, for ``on_exception``; None: nobody's.
        receipt: What leaves last, to say that it was handled, to another process; None:
            it came from this one.
        travels: Whether it can be given to an owner in another process.
    """

    hook: ClassVar[str]
    travels: ClassVar[bool]
    receipt: Output | None

    @property
    def connection(self) -> Connection | None: ...

    @property
    def wakes(self) -> bool:
        """Whether a room that is not running is started for it."""

    def act(self, life: "Life", turn: Turn) -> Awaitable[None]:
        """Run the hook and add to the turn what follows from its outcome."""

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        """
        Say what leaves instead, for ``act`` raised and its turn was dropped.

        Returns:
            Whether the error is the room's fault and ``on_exception`` is to hear of it.
        """

    def abandon(self, error: Exception) -> None:
        """The room could not be started, or ended before the event's turn came."""


class Connect(msgspec.Struct, eq=False):
    """A socket asks to be let in."""

    hook: ClassVar[str] = "on_connect"
    travels: ClassVar[bool] = True

    line: Line
    context: ConnectionContext
    receipt: Output | None = None
    connection: Connection | None = None
    wakes: bool = True
    chain: tuple[str, ...] = ()

    async def act(self, life: "Life", turn: Turn) -> None:
        line = self.line
        if line.is_gone:
            return
        turn.chain = (*self.chain, *turn.chain)
        refusal = _refusal(life, line)
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
            turn.outputs.append((line.drop, refusal))
            return
        connection = Connection(life, line)
        connection._connecting = turn
        tags = await life.hooks.get_connection_tags(connection, self.context)
        connection.tags = as_tags(connection.id, tags)
        self.connection = connection
        life.welcome(connection)
        # Before whatever get_connection_tags sent to it.
        turn.outputs.insert(0, (line.accept, connection.tags))
        await life.hooks.on_connect(connection, self.context)
        turn.outputs.append((connection._let_in, None))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        if self.connection is None:
            turn.outputs.append((self.line.drop, ROOM_FAILED))
        else:
            # It has been seen by on_connect, so it is closed like any other, and
            # on_close hears of it.
            turn.outputs.append((self.line.accept, self.connection.tags))
            self.connection._shut()
            turn.outputs.append((self.line.close, ROOM_FAILED))
            turn.outputs.append((self.connection._let_in, None))
        return True

    def abandon(self, error: Exception) -> None:
        self.line.drop(_closing_for(error))


class Message(msgspec.Struct, eq=False):
    """A frame has come."""

    hook: ClassVar[str] = "on_message"
    travels: ClassVar[bool] = True

    line: Line
    payload: str | bytes
    receipt: Output | None = None

    @property
    def connection(self) -> Connection | None:
        return self.line.connection

    @property
    def wakes(self) -> bool:
        return not self.line.is_dropped

    def act(self, life: "Life", turn: Turn) -> Awaitable[None]:
        connection = self.line.connection
        if connection is None or not connection._is_open:
            return _nothing()
        # The hook's own coroutine: one around it would cost as much as the turn.
        return life.hooks.on_message(self.payload, connection)

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        self.line.drop(_closing_for(error))


class Trouble(msgspec.Struct, eq=False):
    """A socket is in trouble and will be closed."""

    hook: ClassVar[str] = "on_error"
    travels: ClassVar[bool] = True

    line: Line
    error: ConnectionTrouble
    receipt: Output | None = None
    wakes: bool = True

    @property
    def connection(self) -> Connection | None:
        return self.line.connection

    async def act(self, life: "Life", turn: Turn) -> None:
        connection = self.line.connection
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

    line: Line
    closing: Closing
    was_clean: bool
    receipt: Output | None = None
    connection: Connection | None = None
    is_owed: bool = False
    """The room could not be started to hear of it, whoever has closed the socket."""

    @property
    def wakes(self) -> bool:
        return not self.line.is_dropped

    async def act(self, life: "Life", turn: Turn) -> None:
        line = self.line
        connection = line.connection
        if connection is None:
            if not self.is_owed and (not line.is_accepted or line.is_dropped):
                return  # It never reached on_connect, or an earlier life closed it.
            connection = Connection(life, line)  # It left while the room was away.
        self.connection = connection
        line.connection = None
        connection._shut()
        life.leaving.pop(connection, None)
        connection.close_code, connection.close_reason = self.closing
        connection.was_clean = self.was_clean
        await life.hooks.on_close(connection)

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        pass  # Nobody is there any more.


class Request(msgspec.Struct, eq=False):
    """An HTTP request waits for its answer."""

    hook: ClassVar[str] = "on_request"
    travels: ClassVar[bool] = True

    request: Any
    reply: "asyncio.Future[Answer]"
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True
    chain: tuple[str, ...] = ()

    async def act(self, life: "Life", turn: Turn) -> None:
        life.owes(self.reply)
        turn.chain = (*self.chain, *turn.chain)
        hook = life.hooks.on_request
        if hook is None:
            answer = _json_answer(
                404, f"The party {life.key.party!r} takes no requests."
            )
        else:
            value = await hook(self.request)
            answer = to_answer(value)
            if answer.kind is AnswerKind.STREAM:
                answer.stream = Outflow(life, chunks_of(value))
        turn.outputs.append((self._answer, answer))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        answer = error_answer(error, self.request)
        failed = _json_answer(500, "The room failed to answer.")
        turn.outputs.append((self._answer, answer or failed))
        return answer is None

    def abandon(self, error: Exception) -> None:
        if self.reply.done():
            return
        if _is_out_of_reach(error):
            self.reply.set_exception(error)
        else:
            self.reply.set_result(_json_answer(500, "The room failed to start."))

    def _answer(self, answer: Answer) -> None:
        if not self.reply.done():  # The client may have gone.
            self.reply.set_result(answer)


class Call(msgspec.Struct, eq=False):
    """Something asked of the room by partyrooms itself, in the room's order."""

    hook: ClassVar[str] = "a call"
    travels: ClassVar[bool] = True

    name: str
    arguments: Mapping[str, Any]
    reply: "asyncio.Future[Any]"
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True
    chain: tuple[str, ...] = ()

    async def act(self, life: "Life", turn: Turn) -> None:
        life.owes(self.reply)
        turn.chain = (*self.chain, *turn.chain)
        result = await CALLS[self.name](life, self.arguments)
        turn.outputs.append((self._answer, result))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        told, is_defect = failure(self.name, error)
        turn.outputs.append((self._raise, told))
        return is_defect

    def abandon(self, error: Exception) -> None:
        self._raise(error)

    def _answer(self, result: Any) -> None:
        if not self.reply.done():
            self.reply.set_result(result)

    def _raise(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


class Void(msgspec.Struct, eq=False):
    """Something that came to nothing, in its place among the events."""

    hook: ClassVar[str] = "nothing"
    travels: ClassVar[bool] = False

    receipt: Output | None = None
    connection: None = None
    wakes: bool = False

    async def act(self, life: "Life", turn: Turn) -> None:
        pass

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        pass


class Recall(msgspec.Struct, eq=False):
    """
    A gateway asks what becomes of what it has of an owner that is gone.

    It is answered before the life begins; one that comes later has missed that.
    """

    hook: ClassVar[str] = "a recall"
    travels: ClassVar[bool] = False

    recaller: Recaller
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True

    async def act(self, life: "Life", turn: Turn) -> None:
        turn.outputs.append((self.recaller.settle, LOST))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        if _is_out_of_reach(error):
            self.recaller.turn_away()
        else:
            self.recaller.settle(LOST)


class Arrival(msgspec.Struct, eq=False):
    """Another process has joined the room, with the sockets that it has open."""

    hook: ClassVar[str] = "an arrival"
    travels: ClassVar[bool] = False

    berth: Any
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True

    async def act(self, life: "Life", turn: Turn) -> None:
        if self.berth.is_open:
            return  # It was here when the life began.
        if life.account is not None:
            life.account.enter(self.berth)
        turn.outputs.append((self.berth.open, life.claim.epoch))
        # They come late, and may have missed what was said since.
        for line in tuple(self.berth.lines.values()):
            if line.is_accepted:
                turn.outputs.append((line.drop, LATE))

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        if _is_out_of_reach(error):
            self.berth.turn_away()
        else:
            for line in tuple(self.berth.lines.values()):
                line.drop(ROOM_FAILED)


class End(msgspec.Struct, eq=False):
    """A room that runs elsewhere is to stop, or to be deleted; it only travels."""

    hook: ClassVar[str] = "an end"
    travels: ClassVar[bool] = True

    delete: bool
    reply: "asyncio.Future[Any]"
    receipt: Output | None = None
    connection: None = None
    wakes: bool = True

    async def act(self, life: "Life", turn: Turn) -> None:
        raise TypeError("A worker is stopped by its own method.")

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        return True

    def abandon(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


async def _nothing() -> None:
    """What there is to do for somebody who has left."""


def confirm(event: Event) -> None:
    """Say to the process that it came from that nothing more happens to an event."""
    if event.receipt is not None:
        deliver, what = event.receipt
        deliver(what)


def _refusal(life: "Life", line: Line) -> Closing | None:
    profile = line.profile
    namesake = life.connections.newest(profile.id)
    if namesake is not None and namesake.user_id != profile.user_id:
        return OTHER_USER
    limit = life.room.max_connections
    if limit is not None and len(life.connections) >= limit:
        return ROOM_FULL
    return None


def _is_out_of_reach(error: Exception) -> TypeGuard[PartyroomsError]:
    """Whether the room may be had later; else its own code has failed."""
    return isinstance(error, PartyroomsError) and error.status_code == 503


def _closing_for(error: Exception) -> Closing:
    if _is_out_of_reach(error):
        return error.close_code, "the room cannot be reached; come back later"
    return ROOM_FAILED


def _json_answer(status: int, detail: str) -> Answer:
    body = msgspec.json.encode({"detail": detail})
    return Answer(status=status, kind=AnswerKind.DATA, body=body)
