"""A store without a database: for tests, and proven by the same contract suite."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import ExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.exceptions import RoomElsewhere, RoomUnreachable, StoreUnavailable
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
from partyrooms.store.fence import Verdict
from partyrooms.testing.memory_tables import MemoryTables
from partyrooms.testing.memory_transaction import Around, MemoryTransaction
from partyrooms.timezones import as_project


class MemoryStore:
    """
    Rooms in a dictionary, owned in the name of one node; a ``Store``.

    Args:
        tables: Shared with other stores; None: its own.
        node_id: The node; None: a new one.
        place: How others reach it; None: they do not.
        around: Begins the transaction of what ``atomic()`` writes elsewhere.
    """

    def __init__(
        self,
        tables: MemoryTables | None = None,
        *,
        node_id: UUID | None = None,
        place: Place | None = None,
        around: Around = nullcontext,
    ) -> None:
        self.atomic_limit: float | None = None
        self.place = place
        self.tables = MemoryTables() if tables is None else tables
        self.node_id = uuid4() if node_id is None else node_id
        self._around = around
        # All blocks have one connection: one that began later could not end earlier.
        self._block = asyncio.Lock()

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[MemoryTables]:
        """Do a call's work, then give way once, as a call to a real database does."""
        if not self.tables.available:
            raise StoreUnavailable("The memory tables are switched off.")
        yield self.tables
        lost, self.tables.lose_next_reply = self.tables.lose_next_reply, False
        await asyncio.sleep(0)
        if lost:
            raise StoreUnavailable("The answer of the memory tables was lost.")

    async def claim(
        self, key: RoomKey, *, hibernates: bool = False, gateways: Iterable[UUID] = ()
    ) -> Claim:
        async with self._call() as tables:
            record, room = tables.room(key)
            row = room.fence
            if row.owner not in {None, self.node_id, *tables.dead}:
                raise RoomElsewhere(
                    f"{key} is owned by the living node {row.owner}. Give all processes"
                    " a channel layer that they share, or run one server process."
                )
            if self.node_id in tables.dead:
                raise RoomUnreachable(
                    f"{key} cannot be claimed: node {self.node_id} was declared dead."
                )
            room.fence = replace(row, owner=self.node_id, epoch=row.epoch + 1)
            named = tuple(dict.fromkeys([*room.gateways, *gateways]))
            room.gateways = named if hibernates else ()
            seats, room.seats = room.seats, {}
            return Claim(
                key=key,
                record=record,
                epoch=row.epoch + 1,
                version=row.version,
                gateways=named,
                progress=room.progress,
                displaced=row.owner,
                seats=tuple(
                    (node, profiles)
                    for node, profiles in seats.items()
                    if node != self.node_id
                ),
                alarm=room.alarm,
            )

    async def enroll(self) -> None:
        async with self._call() as tables:
            if self.place is not None:
                tables.places[self.node_id] = self.place

    async def stop_taking_rooms(self) -> None:
        async with self._call() as tables:
            if self.place is not None:
                self.place = replace(self.place, takes_rooms=False)
                tables.places[self.node_id] = self.place

    async def locate(self, key: RoomKey) -> Place | None:
        async with self._call() as tables:
            owner = tables.room(key)[1].fence.owner
            if owner is None or owner in tables.dead:
                return None
            return tables.places.get(owner, Place(node=owner, channel=""))

    async def places(self) -> list[Place]:
        async with self._call() as tables:
            known = tables.places.values()
            return [place for place in known if place.node not in tables.dead]

    async def release(self, batch: Sequence[tuple[Claim, Handover]]) -> None:
        async with self._call() as tables:
            for claim, handover in batch:
                room = tables.owned(claim, self.node_id)
                if room is None:
                    continue
                room.fence = replace(room.fence, owner=None)
                if handover.gateways is not None:
                    room.gateways = tuple(handover.gateways)
                if handover.progress is not None:
                    room.progress = handover.progress
                for node, profiles in handover.seats.items():
                    room.seats[node or self.node_id] = profiles

    async def sizes(self, record: int) -> dict[bytes, int]:
        async with self._call() as tables:
            rows = tables.entries(record).items()
            return {key: len(key) + len(value) for key, value in rows}

    async def read(self, record: int, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        async with self._call() as tables:
            rows = tables.entries(record)
            return {key: rows[key] for key in keys if key in rows}

    async def scan(self, record: int, span: Span) -> list[tuple[bytes, bytes]]:
        async with self._call() as tables:
            rows = sorted(tables.entries(record).items(), reverse=span.reverse)
            return [row for row in rows if span.covers(row[0])][: span.limit]

    async def commit(self, batch: Sequence[RoomCommit]) -> list[Outcome]:
        async with self._call() as tables:
            return [tables.write(commit, self.node_id) for commit in batch]

    def atomic(self) -> AtomicTransaction:
        return MemoryTransaction(self.tables, self.node_id, self._around)

    @asynccontextmanager
    async def thread(self) -> AsyncIterator[Callable[[], None]]:
        await self._block.acquire()
        with ExitStack() as held:
            held.callback(self._block.release)
            yield held.close

    async def outcome(self, commit: RoomCommit) -> Outcome | None:
        async with self._call() as tables:
            verdict = tables.judge(commit, self.node_id)
            return None if verdict is Verdict.WRITE else verdict.outcome

    async def alarm(self, record: int) -> Alarm | None:
        async with self._call() as tables:
            return tables.rooms[record].alarm if record in tables.rooms else None

    async def due_alarms(
        self, until: datetime, *, now: datetime, parties: Collection[str], limit: int
    ) -> list[DueAlarm]:
        async with self._call() as tables:
            free = {None, self.node_id, *tables.dead}
            last = as_project(until)  # compared as rows hold them
            due: list[DueAlarm] = []
            for key, record in tables.records.items():
                room = tables.rooms[record]
                alarm, owner = room.alarm, room.fence.owner
                if alarm is None or alarm.is_failed or as_project(alarm.at) > last:
                    continue
                if owner in free and key.party in parties:
                    is_own = owner == self.node_id
                    due.append(DueAlarm(key=key, at=alarm.at, is_own=is_own))
            return sorted(due, key=lambda one: one.at)[:limit]

    async def introduce_crons(
        self, expressions: Mapping[CronKey, str], now: datetime
    ) -> None:
        async with self._call() as tables:
            tables.crons.introduce(expressions, now)

    async def crons(self) -> list[CronRow]:
        async with self._call() as tables:
            return tables.crons.all(self.node_id, tables.dead)

    async def begin_tick(self, row: CronRow, tick: datetime, now: datetime) -> bool:
        async with self._call() as tables:
            is_dead = self.node_id in tables.dead
            return not is_dead and tables.crons.begin(row, tick, self.node_id)

    async def end_tick(self, row: CronRow, now: datetime, error: str) -> None:
        async with self._call() as tables:
            tables.crons.end(row, error, self.node_id)

    async def deserted(
        self, *, now: datetime, parties: Collection[str], limit: int
    ) -> list[RoomKey]:
        async with self._call() as tables:
            found = [
                key
                for key, record in tables.records.items()
                if tables.dead & tables.rooms[record].seats.keys()
                and key.party in parties
            ]
            return found[:limit]

    async def locked(self) -> set[RoomKey]:
        return set()

    async def delete(self, claim: Claim) -> None:
        async with self._call() as tables:
            if claim.record not in tables.rooms:
                return
            if tables.owned(claim, self.node_id) is None:
                raise RoomUnreachable(
                    f"{claim.key} was not deleted: another process owns it by now."
                )
            del tables.records[claim.key]
            del tables.rooms[claim.record]

    async def close(self) -> None:
        self.tables.places.pop(self.node_id, None)
        for room in self.tables.rooms.values():
            if room.fence.owner == self.node_id:
                room.fence = replace(room.fence, owner=None)
        for cron in self.tables.crons.rows.values():
            if cron.row.runner == self.node_id:
                cron.row = replace(cron.row, runner=None)
