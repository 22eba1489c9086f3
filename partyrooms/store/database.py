"""The store on Django's ORM: fenced transactions, on threads of its own."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from threading import Lock, current_thread
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.databases import look_around, note_trouble
from partyrooms.exceptions import StoreUnavailable
from partyrooms.nodes.membership import Membership
from partyrooms.nodes.writers import writing
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
from partyrooms.ports.store import AtomicTransaction
from partyrooms.store.alarms import find_due
from partyrooms.store.atomic import BlockThreads, DatabaseTransaction
from partyrooms.store.away import away_is_unavailable
from partyrooms.store.claims import RoomClaims
from partyrooms.store.crons import CronRows
from partyrooms.store.rows import RoomRows
from partyrooms.store.seats import find_deserted

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

READERS = 4


class DatabaseStore:
    """
    Rooms in the database, owned in the name of one node; a ``Store``.

    All writes go through one thread, but those of ``atomic()``: SQLite has one writer
    anyway, and two threads of one process would only wait for each other's locks. Reads
    have a few threads.

    Args:
        membership: The node; the store closes it.
        idle_timeout: Seconds after which an ``atomic()`` in which nothing happens is
            ended by the database, where it can. Also the limit of ``atomic()``.
    """

    def __init__(self, membership: Membership, *, idle_timeout: float = 5.0) -> None:
        self._idle_timeout = idle_timeout
        self.atomic_limit: float | None = idle_timeout
        self._membership = membership
        self._claims = RoomClaims(membership)
        self._rows = RoomRows(membership.node_id, membership.database)
        self._crons = CronRows(membership)
        self._database = membership.database
        self._writer = ThreadPoolExecutor(1, "partyrooms-commit")
        self._readers = ThreadPoolExecutor(READERS, "partyrooms-read")
        self._blocks = BlockThreads()
        self._connections: set[BaseDatabaseWrapper] = set()
        self._lock = Lock()
        self._closed = False

    async def claim(
        self, key: RoomKey, *, hibernates: bool = False, gateways: Iterable[UUID] = ()
    ) -> Claim:
        return await self._write(
            self._claims.claim, key, hibernates=hibernates, gateways=gateways
        )

    async def enroll(self) -> None:
        await self._write(self._membership.register)

    async def stop_taking_rooms(self) -> None:
        await self._write(self._membership.stop_taking_rooms)

    async def locate(self, key: RoomKey) -> Place | None:
        return await self._read(self._claims.locate, key)

    async def places(self) -> list[Place]:
        return await self._read(self._claims.places)

    async def release(self, batch: Sequence[tuple[Claim, Handover]]) -> None:
        await self._write(self._claims.release, batch)

    async def sizes(self, record: int) -> dict[bytes, int]:
        return await self._read(self._rows.sizes, record)

    async def read(self, record: int, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return await self._read(self._rows.read, record, keys)

    async def scan(self, record: int, span: Span) -> list[tuple[bytes, bytes]]:
        return await self._read(self._rows.scan, record, span)

    async def commit(self, batch: Sequence[RoomCommit]) -> list[Outcome]:
        return await self._write(self._rows.commit, batch)

    def atomic(self) -> AtomicTransaction:
        return DatabaseTransaction(
            self._rows,
            self._database,
            sessions=self._membership.sessions,
            limit=self._idle_timeout,
        )

    def thread(self) -> AbstractAsyncContextManager[Callable[[], None]]:
        return self._blocks.one()

    async def outcome(self, commit: RoomCommit) -> Outcome | None:
        return await self._write(self._rows.outcome, commit)

    async def alarm(self, record: int) -> Alarm | None:
        return await self._read(self._rows.alarm, record)

    async def due_alarms(
        self, until: datetime, *, now: datetime, parties: Collection[str], limit: int
    ) -> list[DueAlarm]:
        return await self._read(
            partial(find_due, self._database, self._membership.node_id, until),
            now=now,
            parties=parties,
            limit=limit,
        )

    async def introduce_crons(
        self, expressions: Mapping[CronKey, str], now: datetime
    ) -> None:
        await self._write(self._crons.introduce, expressions, now)

    async def crons(self) -> list[CronRow]:
        return await self._read(self._crons.all)

    async def begin_tick(self, row: CronRow, tick: datetime, now: datetime) -> bool:
        return await self._write(self._crons.begin, row, tick, now)

    async def end_tick(self, row: CronRow, now: datetime, error: str) -> None:
        await self._write(self._crons.end, row, now, error)

    async def deserted(
        self, *, now: datetime, parties: Collection[str], limit: int
    ) -> list[RoomKey]:
        return await self._read(
            find_deserted, self._database, now=now, parties=parties, limit=limit
        )

    async def locked(self) -> set[RoomKey]:
        return await self._read(self._claims.locked)

    async def delete(self, claim: Claim) -> None:
        await self._write(self._rows.delete, claim)

    async def close(self) -> None:
        """
        Wait for what is under way, sign the node off and end the threads.

        A second call does nothing; no other method may be called any more.
        """
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    async def _read(
        self,
        work: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        return await self._run(self._readers, partial(work, *args, **kwargs))

    async def _write(
        self,
        work: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        def write() -> Result:
            with writing(self._database):
                return work(*args, **kwargs)

        return await self._run(self._writer, write)

    async def _run(
        self, threads: ThreadPoolExecutor, work: Callable[[], Result]
    ) -> Result:
        loop = asyncio.get_running_loop()
        try:
            done = loop.run_in_executor(threads, self._guarded, work)
        except RuntimeError:
            if self._closed or not current_thread().daemon:
                raise
            # Python is ending: it has ended these threads, and ends a loop in a daemon
            # thread next. Nobody is left to be told.
            done = loop.create_future()
        # Shielded: a cancelled wait would take work out of the queue unseen.
        return await asyncio.shield(done)

    def _guarded(self, work: Callable[[], Result]) -> Result:
        connection = connections[self._database]
        with self._lock:
            self._connections.add(connection)
        look_around()
        try:
            with away_is_unavailable(connection), self._membership.sessions.waiting():
                return work()
        except StoreUnavailable:
            # The next call has a new one: after a fail-over it leads elsewhere.
            note_trouble(connection)
            connection.close()
            raise

    def _close(self) -> None:
        self._readers.shutdown()
        self._blocks.close()
        # In the thread of the writes, so that it comes after all of them.
        signed_off = self._writer.submit(self._membership.close)
        self._writer.shutdown()
        for connection in self._connections:
            connection.inc_thread_sharing()  # Its own thread has ended.
            connection.close()
        signed_off.result()
