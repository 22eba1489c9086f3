"""The memory store's ``atomic()``: its tables, and a transaction of something else."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from copy import copy
from uuid import UUID

from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Claim, Outcome, RoomCommit
from partyrooms.store.fence import Verdict
from partyrooms.testing.memory_tables import MemoryTables

Around = Callable[[], AbstractContextManager[object]]


class MemoryTransaction:
    """
    An ``AtomicTransaction`` whose other writes are not in memory.

    Both are undone if either fails.

    Args:
        tables: Where the room is.
        node: Whose room it is.
        around: Begins the other writes' transaction.
    """

    def __init__(self, tables: MemoryTables, node: UUID, around: Around) -> None:
        self.on_committed: Callable[[], None] = lambda: None
        self.is_committed = False
        self.is_late = False
        self.is_unsure = False
        self._tables = tables
        self._node = node
        self._around = around
        self._open = ExitStack()

    def begin(self, claim: Claim, version: int) -> Outcome:
        self._require_tables()
        commit = RoomCommit(claim=claim, version=version, writes=WriteSet())
        if self._tables.judge(commit, self._node) is not Verdict.WRITE:
            return Outcome.LOST
        self._open.enter_context(self._around())
        return Outcome.COMMITTED

    def commit(self, commit: RoomCommit) -> Outcome:
        rooms, record = self._tables.rooms, commit.claim.record
        before = rooms.get(record)
        try:
            self._require_tables()
            if before is not None:
                rooms[record] = copy(before)
                rooms[record].entries = dict(before.entries)
            outcome = self._tables.write(commit, self._node)
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
        self.on_committed()
        return outcome

    def roll_back(self) -> None:
        rolled_back = _RolledBack()
        self._open.__exit__(_RolledBack, rolled_back, None)

    def _require_tables(self) -> None:
        if not self._tables.available:
            raise StoreUnavailable("The memory tables are switched off.")

    def _lose_reply(self) -> None:
        if self._tables.lose_next_reply:
            self._tables.lose_next_reply = False
            self.is_unsure = True
            raise StoreUnavailable("The answer of the memory tables was lost.")


class _RolledBack(Exception):
    """What ends a transaction that is not to be committed."""
