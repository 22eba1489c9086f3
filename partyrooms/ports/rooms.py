"""A room as those reach it who bring its events, wherever it runs."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any, Protocol

from partyrooms.core.frames import Answer
from partyrooms.exceptions import ConnectionTrouble
from partyrooms.ports.sockets import Closing, ConnectionContext, Socket

Chain = tuple[str, ...]
"""Keys of rooms, each of which waits for the next one."""


RoomClass = type[Any]
"""A project's class of rooms; ``Room`` documents the attributes that are looked at."""


class Source(Protocol):
    """Where a streamed answer comes from: the room's end of it, or the way there."""

    def open(self, sink: "Sink") -> None:
        """Say who reads; called once, and nothing comes before the first grant."""

    def grant(self, size: int) -> None:
        """Let so many bytes more come."""

    def leave(self) -> None:
        """Nobody reads any more."""


class Sink(Protocol):
    """Whoever reads a streamed answer, or the way there."""

    @property
    def is_full(self) -> bool:
        """Whether nothing should be put in now, whatever was granted."""

    def chunk(self, data: bytes) -> None:
        """More of the stream."""

    def end(self, failed: bool) -> None:
        """There is no more; ``failed``: although the room had more to say."""


class RoomInbox(Protocol):
    """A room, as a gateway sees it; events are handled in the order they are put in."""

    @property
    def is_full(self) -> bool:
        """Whether there is no place for a newcomer's event."""

    async def space(self, socket: Socket | None = None) -> None:
        """
        Wait for a place in the mailbox, behind all who wait; safe to cancel.

        Args:
            socket: Who has put a frame in and is to put in no more before that; None:
                a newcomer, whose event comes next.
        """

    def connect(
        self, socket: Socket, context: ConnectionContext, chain: Chain = ()
    ) -> None:
        """A socket asks to be let in; the socket is told the outcome."""

    def message(self, socket: Socket, payload: str | bytes) -> bool:
        """A frame has come; whether the gateway is to wait for ``space(socket)``."""

    def trouble(self, socket: Socket, error: ConnectionTrouble) -> None:
        """A socket is in trouble and will be closed."""

    def closed(self, socket: Socket, closing: Closing, was_clean: bool) -> None:
        """A socket has ended; once for each socket that asked to be let in."""

    def request(self, request: Any, chain: Chain = ()) -> Awaitable[Answer]:
        """
        Put an HTTP request in and get what awaits its answer.

        Cancelling the wait leaves the room to its work.

        Args:
            request: REST framework's, with what ``RoomRequest`` adds.
            chain: The rooms that wait for the answer; see ``runtime.deadlock``.

        Raises:
            MailboxFull: If too many events wait already.
        """

    def call(
        self, name: str, arguments: Mapping[str, Any], chain: Chain = ()
    ) -> Awaitable[Any]:
        """
        Put one of the calls of ``runtime.calls`` in and get what awaits its result.

        Raises:
            MailboxFull: If too many events wait already.
        """

    def alarm_due(self, at: datetime) -> Awaitable[None]:
        """
        Tell the room that its alarm is due, and get what awaits that it was handled.

        Args:
            at: Only an alarm that is set to this time or to an earlier one is.

        Raises:
            MailboxFull: If too many events wait already.
        """

    async def stop(self) -> None:
        """End the room's life behind what it handles now; sockets get 1012."""

    async def delete(self) -> None:
        """Stop the room and remove it with all that it stores."""

    def probe(self, chain: Chain) -> None:
        """Look whether rooms wait for one another; see ``runtime.deadlock``."""
