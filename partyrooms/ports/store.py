"""The port between a node and what its rooms store; one contract suite runs on each."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.ports.records import (
    Claim,
    CronKey,
    CronRow,
    DueAlarm,
    Handover,
    Outcome,
    Place,
    RoomCommit,
)

NOTHING: Final = Handover()
"""The row stays as it is, but for its owner."""


class AtomicTransaction(Protocol):
    """
    One transaction for a room's writes and whatever else is written in it.

    Its methods block, and are called in one thread: whatever that thread writes to the
    same database between ``begin`` and ``commit`` is in it. Each may raise
    ``StoreUnavailable``.

    Attributes:
        on_committed: Set it to be called in that thread right after COMMIT: what is
            behind it may wait for other rooms, and nothing they need is to be held.
        is_committed: It is, even if ``commit`` has raised: a handler of
            ``transaction.on_commit`` has.
        is_unsure: ``commit`` has raised, and only ``Store.outcome`` knows.
        is_late: It was rolled back because it took longer than ``Store.atomic_limit``.
    """

    on_committed: Callable[[], None]

    is_committed: bool
    is_unsure: bool

    @property
    def is_late(self) -> bool: ...

    def begin(self, claim: Claim, version: int) -> Outcome:
        """
        Begin with the fence: the room's row stays as it is until the end.

        Returns:
            LOST: the row is no longer this claim's, and nothing has begun.
        """

    def commit(self, commit: RoomCommit) -> Outcome:
        """Write what the room wants written, and commit; LOST: nothing is written."""

    def roll_back(self) -> None:
        """Undo everything; nothing if it has not begun, or has ended."""


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
        self, key: RoomKey, *, hibernates: bool = False, gateways: Iterable[UUID] = ()
    ) -> Claim:
        """
        Make this node the owner of a room; its epoch rises by one.

        Args:
            key: The room.
            hibernates: Its sockets outlive this period: if this owner dies, the nodes
                that the row names are asked for them.
                False: the row names no node from now on.
            gateways: Nodes that the row is to name besides those that it names already.

        Raises:
            RoomUnreachable: Another live node owns the room; the text says which one
                and what to configure.
        """

    async def enroll(self) -> None:
        """Make this node known to the others; its first claim does so, too."""

    async def stop_taking_rooms(self) -> None:
        """Let the others know that no room is to be placed at this node."""

    async def locate(self, key: RoomKey) -> Place | None:
        """The living node that owns a room; None: there is none."""

    async def places(self) -> list[Place]:
        """Every living node, this one included once it has claimed a room."""

    async def release(self, batch: Sequence[tuple[Claim, Handover]]) -> None:
        """
        Give rooms up in one transaction, so that any node may claim them.

        Args:
            batch: Under which ownership each was held, and what the next owner gets
                besides what is stored. A room that is lost is left alone.
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
        lost writes nothing twice: a row of the same epoch whose last commit has the id
        of this one counts as COMMITTED.
        """

    def atomic(self) -> AtomicTransaction:
        """A transaction that has not begun."""

    def thread(self) -> AbstractAsyncContextManager[Callable[[], None]]:
        """
        Have a thread for a transaction, in a coroutine.

        In the block Django's async ORM, and ``sync_to_async``, run there. There are not
        many: who needs no transaction any more calls what the block is given.
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
        The rooms to be woken whose owner is this node, or no living one.

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
        The rooms without an owner that have seats at a dead node.

        Args:
            now: Rooms that are in quarantine then are left out.
            parties: Rooms of other parties are left out.
            limit: How many at most.
        """

    async def locked(self) -> set[RoomKey]:
        """The rooms that refuse newcomers."""

    async def delete(self, claim: Claim) -> None:
        """Remove a room that this node owns, with all its data."""

    async def close(self) -> None:
        """Release what the store holds: threads, connections, the node's own row."""
