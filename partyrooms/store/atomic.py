"""One transaction for a room's writes and the project's own, on the ORM."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)

from asgiref.sync import ThreadSensitiveContext
from django.db import (
    DatabaseError,
    InterfaceError,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from partyrooms.core.writes import WriteSet
from partyrooms.databases import close_obsolete, look_after_work, look_around
from partyrooms.exceptions import BlockTimeout
from partyrooms.nodes.sessions import Sessions
from partyrooms.nodes.writers import writing
from partyrooms.ports.records import Claim, Outcome, RoomCommit
from partyrooms.store.away import away_is_unavailable
from partyrooms.store.fence import Verdict
from partyrooms.store.rows import RoomRows
from partyrooms.store.time_limit import TimeLimit

THREADS = 8
"""Blocks of coroutines that may be open at the same time; the others wait."""


class DatabaseTransaction:
    """
    An ``AtomicTransaction`` on the connection of the thread that it is used in.

    Args:
        rows: What is written.
        database: The alias.
        sessions: Ends the thread's, if it is silent when it begins or commits.
        limit: Seconds that it may take. Postgres itself ends it after as many in which
            nothing happens, also if this process stands still.
    """

    def __init__(
        self,
        rows: RoomRows,
        database: str,
        *,
        sessions: Sessions,
        limit: float,
    ) -> None:
        self.on_committed: Callable[[], None] = _nothing
        self.is_committed = False
        self.is_unsure = False
        self._rows = rows
        self._database = database
        self._sessions = sessions
        self._seconds = limit
        self._limit: TimeLimit | None = None
        self._held = ExitStack()
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

    @property
    def is_late(self) -> bool:
        return self._limit is not None and self._limit.is_over

    def _begin(self) -> None:
        connection = connections[self._database]
        # Until COMMIT, or the rollback.
        self._held.enter_context(writing(self._database))
        self._open.callback(self._held.close)
        self._open.enter_context(transaction.atomic(using=self._database))
        # The first of all handlers: it tells an error of COMMIT from one of the others.
        transaction.on_commit(self._note_commit, using=self._database)
        limit_idleness(connection, self._seconds)
        self._limit = TimeLimit(connection, self._seconds, self._held.close)
        self._limit.begin(self._open)

    def commit(self, commit: RoomCommit) -> Outcome:
        try:
            with self._asking():
                self._rows.write([commit])
            if self._limit is not None and not self._limit.end():
                raise BlockTimeout(self._seconds)
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
        if self._limit is not None:
            self._limit.end()
        # Without its connection there is nothing left to be rolled back.
        with suppress(DatabaseError, InterfaceError):
            self._open.__exit__(_RolledBack, rolled_back, None)

    def _note_commit(self) -> None:
        # Handlers of the project's come next, and may wait for whatever they like.
        self.is_committed = True
        self._wait.until = math.inf
        self._held.close()
        self.on_committed()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        raised_by_handler: Exception | None = None
        connection = connections[self._database]
        watched = self._sessions.watched(connection)
        with away_is_unavailable(connection), watched as self._wait:
            try:
                yield
            except (DatabaseError, InterfaceError) as error:
                if self.is_late:
                    raise BlockTimeout(self._seconds) from error
                if not self.is_committed:
                    raise
                raised_by_handler = error
        if raised_by_handler is not None:
            raise raised_by_handler


def limit_idleness(connection: BaseDatabaseWrapper, timeout: float) -> None:
    """Let Postgres end the open transaction if nothing happens in it for so long."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, true)",
                [f"{timeout * 1000:.0f}"],
            )


def _nothing() -> None: ...


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
    async def one(self) -> AsyncIterator[Callable[[], None]]:
        """Have thread-sensitive calls of the running task in a thread of their own."""
        await self._places.acquire()
        with ExitStack() as place:
            place.callback(self._places.release)
            thread = self._free.pop() if self._free else _new_thread()
            thread.submit(_before_block)
            try:
                async with ThreadSensitiveContext(executor=thread):
                    yield place.close
            finally:
                thread.submit(_after_block)
                self._free.append(thread)

    def close(self) -> None:
        """End the threads that no block is using."""
        for thread in self._free:
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)


def _new_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "partyrooms-block")


def _before_block() -> None:
    look_around()
    close_obsolete()


def _after_block() -> None:
    look_after_work()
    close_obsolete()
