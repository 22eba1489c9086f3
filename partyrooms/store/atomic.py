"""One transaction for a room's writes and the project's own, on the ORM."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)

from asgiref.sync import ThreadSensitiveContext
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Claim, Outcome, RoomCommit
from partyrooms.store.fence import Verdict
from partyrooms.store.rows import RoomRows

THREADS = 8
"""Blocks of coroutines that may be open at the same time; the others wait."""


class DatabaseTransaction:
    """
    An ``AtomicTransaction`` on the connection of the thread that it is used in.

    Args:
        rows: What is written.
        database: The alias.
        idle_timeout: Seconds after which the database ends it, where it can, if
            nothing happens in it.
        alone: Held from the beginning to the end.
    """

    def __init__(
        self,
        rows: RoomRows,
        database: str,
        *,
        idle_timeout: float,
        alone: AbstractContextManager[object],
    ) -> None:
        self.is_committed = False
        self.is_unsure = False
        self._rows = rows
        self._database = database
        self._idle_timeout = idle_timeout
        self._alone = alone
        self._open = ExitStack()

    def begin(self, claim: Claim, version: int) -> Outcome:
        connection = connections[self._database]
        if connection.in_atomic_block:
            raise RuntimeError(
                "storage.atomic() cannot begin inside transaction.atomic(): what the "
                "room says after the block could still be rolled back. Turn them "
                "round: transaction.atomic() inside of storage.atomic()."
            )
        commit = RoomCommit(claim=claim, version=version, writes=WriteSet())
        try:
            with self._asking():
                self._begin()
                verdict = self._rows.judge(commit)
        except BaseException:
            self.roll_back()
            raise
        if verdict is Verdict.WRITE:
            return Outcome.COMMITTED
        self.roll_back()
        return Outcome.LOST

    def _begin(self) -> None:
        self._open.enter_context(self._alone)
        self._open.enter_context(transaction.atomic(using=self._database))
        # The first of all handlers: it tells an error of COMMIT from one of the others.
        transaction.on_commit(self._note_commit, using=self._database)
        limit_idleness(connections[self._database], self._idle_timeout, is_local=True)

    def commit(self, commit: RoomCommit) -> Outcome:
        try:
            with self._asking():
                self._rows.write([commit])
        except BaseException:
            self.roll_back()
            raise
        self.is_unsure = True
        with self._asking():
            self._open.close()
        self.is_unsure = False
        return Outcome.COMMITTED

    def roll_back(self) -> None:
        rolled_back = _RolledBack()
        # Without its connection there is nothing left to be rolled back.
        with suppress(DatabaseError, InterfaceError):
            self._open.__exit__(_RolledBack, rolled_back, None)

    def _note_commit(self) -> None:
        self.is_committed = True

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if self.is_committed:  # A handler has raised it.
                raise
            raise StoreUnavailable(
                f"The database {self._database!r} did not do what atomic() asked of "
                f"it: {error}"
            ) from error


def limit_idleness(
    connection: BaseDatabaseWrapper, timeout: float, *, is_local: bool
) -> None:
    """
    Let Postgres end a transaction in which nothing happens; SQLite cannot.

    Args:
        connection: Where.
        timeout: Seconds.
        is_local: Only the transaction that is open; else each one of the session.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, %s)",
                [f"{timeout * 1000:.0f}", is_local],
            )


class _RolledBack(Exception):
    """What ends a transaction that is not to be committed."""


class BlockThreads:
    """
    The threads of blocks in coroutines, one for each block that is open.

    Django's async ORM runs in whatever thread asgiref's context says: so in a block it
    runs where the block's transaction is, and nothing else does.
    """

    def __init__(self) -> None:
        self._free: list[ThreadPoolExecutor] = []
        self._places = asyncio.Semaphore(THREADS)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Have thread-sensitive calls of the running task in a thread of their own."""
        async with self._places:
            thread = self._free.pop() if self._free else _new_thread()
            thread.submit(close_old_connections)
            try:
                async with ThreadSensitiveContext(executor=thread):
                    yield
            finally:
                thread.submit(close_old_connections)
                self._free.append(thread)

    def close(self) -> None:
        """End the threads that no block is using."""
        for thread in self._free:
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)


def _new_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "partyrooms-block")
