"""The port between a node and what its rooms store; one contract suite runs on each."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import WriteSet

if TYPE_CHECKING:
    from partyrooms.ports.transaction import AtomicTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    One ownership period of one room.

    Attributes:
        key: Which room.
        record: The primary key of its row.
        epoch: The number of this ownership period: the fencing token.
        version: How many commits the row had seen when it was claimed.
        gateways: The nodes that may have sockets of the room open, those among them
            that the claim has named.
        progress: What the last period has stored of its gateways; see
            ``core.delivery_log``. None: nothing.
        displaced: The last owner, which has not given the room up; None: it has.
        seats: Who was connected by other nodes when the room was given up, by node;
            None: one that is gone for good.
        alarm: The room's alarm then; None: it had none.
    """

    key: RoomKey
    record: int
    epoch: int
    version: int
    gateways: tuple[UUID, ...] = ()
    progress: bytes | None = None
    displaced: UUID | None = None
    seats: tuple[tuple[UUID | None, bytes], ...] = ()
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    A living node, as others reach it.

    Attributes:
        node: Its id.
        channel: Its own in the channel layer; empty: it cannot be reached.
        host: See ``nodes.process.host``.
        pid: Its process.
        pid_started: See ``nodes.process.start_mark``.
        takes_rooms: Whether rooms may be placed there.
    """

    node: UUID
    channel: str
    host: str = ""
    pid: int = 0
    pid_started: str = ""
    takes_rooms: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomCommit:
    """
    What one room wants written.

    Attributes:
        claim: Under which ownership.
        version: What the row's version must be before; it is one more afterwards.
        writes: The buffered writes, merged.
        progress: How far the room's gateways are by then; None: as it is stored.
    """

    claim: Claim
    version: int
    writes: WriteSet
    progress: bytes | None = None


class Outcome(Enum):
    """What became of one room's part of a commit."""

    COMMITTED = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    A range of keys, in order of their UTF-8 bytes.

    Attributes:
        start: First key, included; None: from the first one.
        end: Where to stop, excluded; None: to the last one.
        limit: How many at most; None: all.
        reverse: From the end backwards; ``start`` and ``end`` keep their meaning.
    """

    start: bytes | None = None
    end: bytes | None = None
    limit: int | None = None
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAlarm:
    """
    A room that is to be woken.

    Attributes:
        key: Which room.
        at: When, in UTC.
        is_own: The asking node owns the room.
    """

    key: RoomKey
    at: datetime
    is_own: bool


CronKey = tuple[str, str]
"""The party and the name of a cron."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronRow:
    """
    What is known of one cron.

    Attributes:
        record: The primary key of its row.
        key: Which cron.
        tick: The last one that was begun; before the first one: since when the cron is
            known. In UTC.
        runner: Who has begun it; None: nobody, or a node that is forgotten.
        is_running: It has not ended.
        is_own: The asking node has begun it.
        is_abandoned: It has not ended, and its runner is dead.
    """

    record: int
    key: CronKey
    tick: datetime
    runner: UUID | None
    is_running: bool
    is_own: bool
    is_abandoned: bool


class Store(Protocol):
    """
    Durable key-value data of rooms, each owned by one node at a time.

    Every method may raise ``StoreUnavailable``: the database did not answer and the
    call may be repeated. Cancelling stops the wait, not the work.

    Attributes:
        atomic_limit: Seconds that an ``atomic()`` may take; None: any number.
    """

    atomic_limit: float | None

    async def claim(
        self, key: RoomKey, gateways: Sequence[UUID] | None = None
    ) -> Claim:
        """
        Make this node the owner of a room; its epoch rises by one.

        Args:
            key: The room.
            gateways: Nodes that are to be asked for their sockets, besides those that
                the row names already, if this owner dies; None: nobody is.

        Raises:
            RoomUnreachable: Another live node owns the room; the text says which one
                and what to configure.
        """

    async def enroll(self) -> None:
        """Make this node known to the others; its first claim does so, too."""

    async def stop_taking_rooms(self) -> None:
        """Let the others know that no room is to be placed at this node."""

    async def locate(self, key: RoomKey) -> Place | None:
        """The living node that owns a room; None: nobody does."""

    async def places(self) -> list[Place]:
        """Every living node, this one included once it has claimed a room."""

    async def release(
        self,
        claims: Sequence[Claim],
        gateways: Sequence[UUID] | None = None,
        progress: bytes | None = None,
        seats: Mapping[UUID | None, bytes] | None = None,
    ) -> None:
        """
        Give rooms up, so that any node may claim them. Lost ones are passed over.

        Args:
            claims: Under which ownership each was held.
            gateways: The nodes with sockets that stay open, for whoever claims next;
                None: as they are stored.
            progress: How far the gateways are; None: as it is stored.
            seats: Who is connected, by node (None: this one), of the one room that is
                given up; its next claim is told.
        """

    async def sizes(self, record: int) -> dict[bytes, int]:
        """Every key of a room with the bytes that it and its value take."""

    async def read(self, record: int, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The stored values of those keys that exist."""

    async def scan(self, record: int, span: Span) -> list[tuple[bytes, bytes]]:
        """The stored keys and values of a range, in the range's order."""

    async def commit(self, batch: Sequence[RoomCommit]) -> list[Outcome]:
        """
        Write many rooms' data in one transaction; one outcome for each, in order.

        A room whose row is no longer this claim's (owner, epoch, version) is LOST and
        nothing of it is written; the others are. Repeating a batch whose answer was
        lost writes nothing twice: a row that is one version further under the same
        epoch counts as COMMITTED.
        """

    def atomic(self) -> "AtomicTransaction":
        """A transaction that has not begun."""

    def thread(self) -> AbstractAsyncContextManager[None]:
        """
        Have a thread for a transaction, in a coroutine.

        In the block Django's async ORM, and ``sync_to_async``, run there.
        """

    async def outcome(self, commit: RoomCommit) -> Outcome | None:
        """
        What became of a commit whose answer was lost.

        None: it was not written, and never will be.
        """

    async def alarm(self, record: int) -> Alarm | None:
        """A room's alarm as it is stored, given up or not."""

    async def due_alarms(
        self,
        until: datetime,
        *,
        now: datetime,
        parties: Collection[str],
        limit: int,
    ) -> list[DueAlarm]:
        """
        The rooms to be woken whose owner is this node, or nobody who lives.

        Args:
            until: Alarms that are due later are left out.
            now: Rooms that are in quarantine then are left out.
            parties: Rooms of other parties are left out.
            limit: How many at most; those that are due first come first.
        """

    async def introduce_crons(
        self, expressions: Mapping[CronKey, str], now: datetime
    ) -> None:
        """
        Make crons known. Ticks before ``now`` do not count for those that are new, or
        had another expression.
        """

    async def crons(self) -> list[CronRow]:
        """Every cron that was ever made known."""

    async def begin_tick(self, row: CronRow, tick: datetime, now: datetime) -> bool:
        """
        Become the runner of a tick, for all others to see.

        Returns:
            False: the row is not any more as it was read, or this node is dead.
        """

    async def end_tick(self, row: CronRow, now: datetime, error: str) -> None:
        """
        Say that the tick that this node runs has ended.

        Args:
            row: As ``crons()`` gave it before the tick was begun.
            now: When.
            error: What it raised; empty: nothing.
        """

    async def deserted(
        self, *, now: datetime, parties: Collection[str], limit: int
    ) -> list[RoomKey]:
        """
        The rooms that nobody runs, with seats at a node that is dead.

        Args:
            now: Rooms that are in quarantine then are left out.
            parties: Rooms of other parties are left out.
            limit: How many at most.
        """

    async def delete(self, claim: Claim) -> None:
        """Remove a room that this node owns, with all its data."""

    async def close(self) -> None:
        """Release what the store holds: threads, connections, the node's own row."""
