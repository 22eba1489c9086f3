"""The memory store's ``atomic()``: its rows, and a transaction of something else."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from copy import copy
from typing import TYPE_CHECKING
from uuid import UUID

from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Claim, Outcome, RoomCommit
from partyrooms.ports.store import AtomicTransaction
from partyrooms.store.fence import Verdict, judge

if TYPE_CHECKING:
    from partyrooms.testing.memory_store import MemoryTables

Around = Callable[[], AbstractContextManager[object]]


class MemoryAtomicStore(ABC):
    """
    The part of ``MemoryStore`` that is about ``atomic()``.

    Attributes:
        node_id: In whose name.
        tables: Shared with other stores.

    Args:
        around: Begins the transaction of what is written elsewhere.
    """

    atomic_limit: float | None = None
    node_id: UUID
    tables: "MemoryTables"

    def __init__(self, around: Around) -> None:
        self._around = around
        # All blocks have one connection: one that began later could not end earlier.
        self._block = asyncio.Lock()

    @abstractmethod
    def write(self, commit: RoomCommit) -> Outcome:
        """Do what one room wants written, at once."""

    @abstractmethod
    def _arrive(self) -> None:
        """A call has come."""

    @abstractmethod
    async def _answer(self) -> None:
        """A call is answered."""

    def atomic(self) -> AtomicTransaction:
        return MemoryTransaction(self, self._around)

    @asynccontextmanager
    async def thread(self) -> AsyncIterator[None]:
        async with self._block:
            yield

    async def outcome(self, commit: RoomCommit) -> Outcome | None:
        self._arrive()
        room = self.tables.rooms.get(commit.claim.record)
        verdict = judge(None if room is None else room.fence, self.node_id, commit)
        await self._answer()
        return None if verdict is Verdict.WRITE else verdict.outcome


class MemoryTransaction:
    """
    An ``AtomicTransaction`` whose other writes are not in memory.

    Both are undone if either fails. Nobody but a test looks in between.

    Args:
        store: Where the room is.
        around: Begins the other writes' transaction.
    """

    def __init__(self, store: MemoryAtomicStore, around: Around) -> None:
        self.is_committed = False
        self.is_unsure = False
        self._store = store
        self._around = around
        self._open = ExitStack()

    def begin(self, claim: Claim, version: int) -> Outcome:
        self._require_tables()
        commit = RoomCommit(claim=claim, version=version, writes=WriteSet())
        room = self._store.tables.rooms.get(claim.record)
        row = None if room is None else room.fence
        if judge(row, self._store.node_id, commit) is not Verdict.WRITE:
            return Outcome.LOST
        self._open.enter_context(self._around())
        return Outcome.COMMITTED

    def commit(self, commit: RoomCommit) -> Outcome:
        rooms, record = self._store.tables.rooms, commit.claim.record
        before = rooms.get(record)
        try:
            self._require_tables()
            if before is not None:
                rooms[record] = copy(before)
                rooms[record].entries = dict(before.entries)
            outcome = self._store.write(commit)
            if outcome is Outcome.LOST:
                self.roll_back()
                return outcome
            self._open.close()
        except BaseException:
            if before is not None:
                rooms[record] = before
            self.roll_back()
            raise
        self._lose_reply()
        self.is_committed = True
        return outcome

    def roll_back(self) -> None:
        rolled_back = _RolledBack()
        self._open.__exit__(_RolledBack, rolled_back, None)

    def _require_tables(self) -> None:
        if not self._store.tables.available:
            raise StoreUnavailable("The memory tables are switched off.")

    def _lose_reply(self) -> None:
        tables = self._store.tables
        if tables.lose_next_reply:
            tables.lose_next_reply = False
            self.is_unsure = True
            raise StoreUnavailable("The answer of the memory tables was lost.")


class _RolledBack(Exception):
    """What ends a transaction that is not to be committed."""
