"""
The ports between the two ends: what a gateway knows of a room, and a room of a socket.

Only a cluster knows whether the other end is in the same process. Nothing here waits
for a socket, and nothing raises because the other end is gone: events and outputs of
what does not exist any more are dropped, and each end is told of the other's end once.
"""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from partyrooms.core.frames import Answer, Frame, Profile
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import RecoveryResult

if TYPE_CHECKING:
    from partyrooms.delivery.local_audience import LocalAudience
    from partyrooms.delivery.local_socket import LocalSocket
    from partyrooms.exceptions import ConnectionTrouble
    from partyrooms.ports.records import Claim
    from partyrooms.runtime.connection import Connection, ConnectionContext
    from partyrooms.runtime.events import Event
    from partyrooms.runtime.turn import Turn

Closing = tuple[int, str]
"""A close code and its reason."""

Broadcast = tuple[Frame, frozenset[str]]
"""A frame, and the ids of the connections that do not get it."""


class Socket(Protocol):
    """
    One socket, as the room sees it.

    Each method takes exactly one argument, so that an output is a method and what to
    call it with.

    Attributes:
        number: What other processes call it; 0: nothing.
        profile: What is known of the connection; it stays with the socket.
        connection: What the room's present life made of it; None: nothing (any more).
        is_accepted: The handshake was answered by letting the client in.
        is_gone: Nothing reaches the client any more.
        closing: What it is being closed with; None: nothing yet.
        is_dropped: The room closed it without wanting to hear of its end.
    """

    number: int
    profile: Profile
    connection: "Connection | None"
    is_accepted: bool
    is_gone: bool
    is_dropped: bool
    closing: "Closing | None"

    def accept(self, tags: tuple[str, ...]) -> None:
        """Answer the handshake; from now on the socket is in its room's audience."""

    def send(self, frame: Frame) -> None:
        """Queue a frame."""

    def keep(self, state: bytes | None) -> None:
        """Keep the connection's state."""

    def close(self, closing: Closing) -> None:
        """Close the socket behind what is queued; its end will be reported."""

    def drop(self, closing: Closing) -> None:
        """
        Close the socket without wanting to hear of its end.

        A handshake that is not answered yet is accepted first, so that a browser sees
        the code.
        """


class Audience(Protocol):
    """All accepted sockets of one room, wherever they are."""

    def open(self, claim: "Claim", *, hibernates: bool) -> "DeliveryLog | None":
        """
        A life begins, with the sockets that are here now.

        Returns:
            Who is to be told of its turns, for the sockets outlive it; None: nobody.
        """

    def close(self) -> None:
        """The life is over."""

    def broadcast(self, broadcast: Broadcast) -> None:
        """Queue a frame at each socket but those whose ids are left out."""

    def sockets(self) -> Iterable[Socket]:
        """Every socket, in the order in which they were accepted."""


class DeliveryLog(Protocol):
    """How far a room's gateways in other processes have come, turn by turn."""

    @property
    def is_stale(self) -> bool:
        """Whether it is to be stored, whatever is written."""

    def enter(self, subscription: Any) -> None:
        """A gateway is served from now on."""

    def close(self, turn: "Turn") -> None:
        """A turn has ended; what it says may be put between other outputs."""

    def interrupt(self, turn: "Turn") -> None:
        """A part of a turn is being stored before its end."""

    def expect_more(self) -> None:
        """Each gateway is to be told something yet that belongs to no turn."""

    def progress(self, *, is_final: bool = False) -> bytes | None:
        """What is to be stored with the next commit, or the release; None: nothing."""

    def not_stored(self) -> None:
        """What ``progress`` gave last was not stored."""


class RecoveringGateway(Protocol):
    """A gateway that has something of an owner which is gone."""

    def resolve(self, result: RecoveryResult) -> None:
        """Say what becomes of it; once."""

    def turn_away(self) -> None:
        """The room is not here: it is to ask elsewhere."""


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
        """Whether gateways are to wait before they put more in."""

    async def space(self) -> None:
        """Wait until the mailbox is not full."""

    def connect(
        self, socket: Socket, context: "ConnectionContext", chain: tuple[str, ...] = ()
    ) -> None:
        """A socket asks to be let in; the socket is told the outcome."""

    def message(self, socket: Socket, payload: str | bytes) -> bool:
        """A frame has come; whether the gateway is to wait for space now."""

    def trouble(self, socket: Socket, error: "ConnectionTrouble") -> None:
        """A socket is in trouble and will be closed."""

    def closed(self, socket: Socket, closing: Closing, was_clean: bool) -> None:
        """A socket has ended; once for each socket that asked to be let in."""

    def request(self, request: Any, chain: tuple[str, ...] = ()) -> Awaitable[Answer]:
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
        self, name: str, arguments: Mapping[str, Any], chain: tuple[str, ...] = ()
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

    def probe(self, chain: tuple[str, ...]) -> None:
        """Look whether rooms wait for one another; see ``runtime.deadlock``."""


class Cluster(Protocol):
    """
    Finds rooms for gateways and gateways for rooms.

    Attributes:
        known: Set once other processes can place rooms in this one.
    """

    known: asyncio.Event

    @property
    def takes_rooms(self) -> bool:
        """Whether this process may own rooms."""

    @property
    def has_peers(self) -> bool:
        """Whether rooms may be in other processes at all."""

    def start(self) -> None:
        """Begin to serve; called once, on the node's event loop."""

    async def wait_for_others(self, patience: float) -> None:
        """
        Wait until another process could take this one's rooms.

        Not where nobody would notice: no socket in another process is open.

        Args:
            patience: Seconds to wait at most.
        """

    def is_outlived(self, key: RoomKey) -> bool:
        """Whether a room's sockets may stay open when this process ends."""

    async def stop_taking_rooms(self) -> None:
        """Let nobody place rooms in this process any more."""

    def close(self) -> None:
        """Reach nobody any more: sockets whose rooms are elsewhere get 1012."""

    def inbox(self, key: RoomKey) -> RoomInbox:
        """The way into a room; nothing is started before the first event."""

    def audience(self, key: RoomKey) -> Audience:
        """The way to all sockets of a room."""

    def local_audience(self, key: RoomKey) -> "LocalAudience":
        """The room's sockets in this process, for gateways to join."""

    def attach(self, socket: "LocalSocket") -> None:
        """A gateway has made a socket's outbox."""

    async def gather(self, key: RoomKey, claim: "Claim") -> None:
        """Before a life begins: let everybody with sockets in the room join it."""

    def named(self, key: RoomKey) -> list[UUID] | None:
        """The nodes that a claim of the room names; see ``Store.claim``."""

    def gateways(self, key: RoomKey) -> list[UUID]:
        """The nodes that have sockets of a room open, for its next owner."""

    def seats(self, key: RoomKey) -> dict[UUID | None, bytes]:
        """Who is connected to a room by each node, as stored; None: by this one."""

    def release(self, key: RoomKey, *, asleep: bool, waiting: "list[Event]") -> None:
        """
        After a life has ended and the room was given up: let everybody know.

        Args:
            key: The room.
            asleep: Nobody is to run it before its next event.
            waiting: Events that were not handled, for the next owner.
        """

    def lose(self, key: RoomKey) -> None:
        """A life was lost: what was under way may or may not have happened."""

    def refuse(self, key: RoomKey, waiting: "list[Event]", error: Exception) -> None:
        """The room cannot be started here, for another process has it, or may."""

    async def flush(self) -> None:
        """Wait until everything that was sent to other processes has arrived."""

    async def request(self, key: RoomKey, request: Any) -> Answer:
        """
        Ask a room and wait for its answer. Cancelling stops the wait, not the room.

        Raises:
            RoomUnreachable: If the room cannot be run here, or takes no more events.
        """


def as_ids(without: "Collection[str | Connection]") -> frozenset[str]:
    """
    The ids of what is left out of a broadcast; connections stand for their ids.

    Raises:
        TypeError: If it is one ``str``, whose characters were never meant.
    """
    if isinstance(without, str | bytes):
        raise TypeError(
            f"without= takes a list of connection ids, not one {type(without).__name__}"
            f" ({without!r:.64}): write without=[{without!r:.64}]."
        )
    ids = (one if isinstance(one, str) else one.id for one in without)
    return frozenset(map(str.__str__, ids))
