"""A store without a database: for tests, and proven by the same contract suite."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.core.writes import UNKNOWN
from partyrooms.exceptions import RoomElsewhere, RoomUnreachable, StoreUnavailable
from partyrooms.ports.records import Claim, DueAlarm, Outcome, Place, RoomCommit
from partyrooms.store.fence import Row, Verdict, judge
from partyrooms.testing.memory_crons import CronTable, MemoryCronStore
from partyrooms.testing.memory_transaction import Around, MemoryAtomicStore


@dataclass(slots=True)
class MemoryRoom:
    """One room's row and its entries."""

    fence: Row
    entries: dict[bytes, bytes] = field(default_factory=dict)
    gateways: tuple[UUID, ...] = ()
    progress: bytes | None = None
    seats: dict[UUID, bytes] = field(default_factory=dict)
    alarm: Alarm | None = None


class MemoryTables:
    """
    What stands for the database; several stores may share it, like processes.

    Attributes:
        records: The primary key of each room.
        rooms: The rooms by primary key.
        dead: Nodes whose rooms anybody may claim.
        crons: Who ran which tick.
        places: How the nodes of the other stores are reached.
        available: False: every call raises ``StoreUnavailable`` and does nothing.
        lose_next_reply: True: the next call does its work, then raises
            ``StoreUnavailable``, as when the connection breaks before the answer.
    """

    def __init__(self) -> None:
        self.records: dict[RoomKey, int] = {}
        self.rooms: dict[int, MemoryRoom] = {}
        self.dead: set[UUID] = set()
        self.crons = CronTable()
        self.places: dict[UUID, Place] = {}
        self.available = True
        self.lose_next_reply = False
        self._last_record = 0

    def room(self, key: RoomKey) -> tuple[int, MemoryRoom]:
        """The room's primary key and row, made if there is none."""
        if key not in self.records:
            self._last_record += 1
            self.records[key] = self._last_record
            self.rooms[self._last_record] = MemoryRoom(Row(None, 0, 0))
        record = self.records[key]
        return record, self.rooms[record]


class MemoryStore(MemoryAtomicStore, MemoryCronStore):
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
        super().__init__(around)
        self.place = place
        self.tables = MemoryTables() if tables is None else tables
        self.node_id = uuid4() if node_id is None else node_id

    @property
    def cron_table(self) -> CronTable:
        """Shared by all stores on these tables."""
        return self.tables.crons

    @property
    def dead(self) -> set[UUID]:
        """The nodes that were declared dead."""
        return self.tables.dead

    async def claim(
        self, key: RoomKey, gateways: Sequence[UUID] | None = None
    ) -> Claim:
        self._arrive()
        record, room = self.tables.room(key)
        row = room.fence
        if row.owner not in {None, self.node_id, *self.tables.dead}:
            raise RoomElsewhere(
                f"{key} is owned by the living node {row.owner}. Give all processes a "
                "channel layer that they share, or run one server process."
            )
        if self.node_id in self.tables.dead:
            raise RoomUnreachable(
                f"{key} cannot be claimed: node {self.node_id} was declared dead."
            )
        room.fence = replace(row, owner=self.node_id, epoch=row.epoch + 1)
        named = tuple(dict.fromkeys([*room.gateways, *(gateways or ())]))
        room.gateways = () if gateways is None else named
        seats = tuple((n, one) for n, one in room.seats.items() if n != self.node_id)
        if gateways is not None:
            room.seats = {}
        await self._answer()
        return Claim(
            key=key,
            record=record,
            epoch=row.epoch + 1,
            version=row.version,
            gateways=named,
            progress=room.progress,
            displaced=row.owner,
            seats=seats,
            alarm=room.alarm,
        )

    async def enroll(self) -> None:
        self._arrive()
        if self.place is not None:
            self.tables.places[self.node_id] = self.place
        await self._answer()

    async def stop_taking_rooms(self) -> None:
        self._arrive()
        if self.place is not None:
            self.place = replace(self.place, takes_rooms=False)
            self.tables.places[self.node_id] = self.place
        await self._answer()

    async def locate(self, key: RoomKey) -> Place | None:
        self._arrive()
        _, room = self.tables.room(key)
        owner = room.fence.owner
        await self._answer()
        if owner is None or owner in self.tables.dead:
            return None
        return self.tables.places.get(owner, Place(node=owner, channel=""))

    async def places(self) -> list[Place]:
        self._arrive()
        places = self.tables.places.values()
        await self._answer()
        return [one for one in places if one.node not in self.tables.dead]

    async def release(
        self,
        claims: Sequence[Claim],
        gateways: Sequence[UUID] | None = None,
        progress: bytes | None = None,
        seats: Mapping[UUID | None, bytes] | None = None,
    ) -> None:
        self._arrive()
        for claim in claims:
            if self._owns(claim):
                room = self.tables.rooms[claim.record]
                room.fence = replace(room.fence, owner=None)
                if gateways is not None:
                    room.gateways = tuple(gateways)
                if progress is not None:
                    room.progress = progress
                for node, profiles in (seats or {}).items():
                    room.seats[node or self.node_id] = profiles
        await self._answer()

    async def sizes(self, record: int) -> dict[bytes, int]:
        self._arrive()
        entries = self._entries(record)
        await self._answer()
        return {key: len(key) + len(value) for key, value in entries.items()}

    async def read(self, record: int, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        self._arrive()
        entries = self._entries(record)
        await self._answer()
        return {key: entries[key] for key in keys if key in entries}

    async def scan(self, record: int, span: Span) -> list[tuple[bytes, bytes]]:
        self._arrive()
        rows = [
            (key, value)
            for key, value in self._entries(record).items()
            if span.covers(key)
        ]
        rows.sort(reverse=span.reverse)
        await self._answer()
        return rows[: span.limit]

    async def commit(self, batch: Sequence[RoomCommit]) -> list[Outcome]:
        self._arrive()
        outcomes = [self.write(commit) for commit in batch]
        await self._answer()
        return outcomes

    async def alarm(self, record: int) -> Alarm | None:
        self._arrive()
        room = self.tables.rooms.get(record)
        await self._answer()
        return None if room is None else room.alarm

    async def due_alarms(
        self,
        until: datetime,
        *,
        now: datetime,
        parties: Collection[str],
        limit: int,
    ) -> list[DueAlarm]:
        self._arrive()
        free = {None, self.node_id, *self.tables.dead}
        due: list[DueAlarm] = []
        for key, record in self.tables.records.items():
            room = self.tables.rooms[record]
            alarm, owner = room.alarm, room.fence.owner
            if alarm is None or alarm.is_failed or alarm.at > until:
                continue
            if owner in free and key.party in parties:
                is_own = owner == self.node_id
                due.append(DueAlarm(key=key, at=alarm.at, is_own=is_own))
        await self._answer()
        return sorted(due, key=lambda one: one.at)[:limit]

    async def deserted(
        self, *, now: datetime, parties: Collection[str], limit: int
    ) -> list[RoomKey]:
        self._arrive()
        found = [
            key
            for key, record in self.tables.records.items()
            if self.tables.dead & self.tables.rooms[record].seats.keys()
            and key.party in parties
        ]
        await self._answer()
        return found[:limit]

    async def delete(self, claim: Claim) -> None:
        self._arrive()
        if claim.record in self.tables.rooms:
            if not self._owns(claim):
                raise RoomUnreachable(
                    f"{claim.key} was not deleted: another process owns it by now."
                )
            del self.tables.records[claim.key]
            del self.tables.rooms[claim.record]
        await self._answer()

    async def close(self) -> None:
        self.tables.places.pop(self.node_id, None)
        for room in self.tables.rooms.values():
            if room.fence.owner == self.node_id:
                room.fence = replace(room.fence, owner=None)
        for cron in self.tables.crons.rows.values():
            if cron.row.runner == self.node_id:
                cron.row = replace(cron.row, runner=None)

    def _arrive(self) -> None:
        if not self.tables.available:
            raise StoreUnavailable("The memory tables are switched off.")

    async def _answer(self) -> None:
        # Gives way once, as a call to a real database does, with the work done.
        lost, self.tables.lose_next_reply = self.tables.lose_next_reply, False
        await asyncio.sleep(0)
        if lost:
            raise StoreUnavailable("The answer of the memory tables was lost.")

    def _entries(self, record: int) -> dict[bytes, bytes]:
        room = self.tables.rooms.get(record)
        return {} if room is None else dict(room.entries)

    def _owns(self, claim: Claim) -> bool:
        room = self.tables.rooms.get(claim.record)
        if room is None:
            return False
        return room.fence.owner == self.node_id and room.fence.epoch == claim.epoch

    def write(self, commit: RoomCommit) -> Outcome:
        """Do what one room wants written, at once."""
        room = self.tables.rooms.get(commit.claim.record)
        if room is None:
            return Outcome.LOST
        verdict = judge(room.fence, self.node_id, commit)
        if verdict is not Verdict.WRITE:
            return verdict.outcome
        room.fence = replace(room.fence, version=room.fence.version + 1)
        if commit.progress is not None:
            room.progress = commit.progress
        if commit.writes.cleared:
            room.entries.clear()
        if commit.writes.alarm is not UNKNOWN:
            room.alarm = commit.writes.alarm
        for key, value in commit.writes.entries.items():
            if value is None:
                room.entries.pop(key, None)
            else:
                room.entries[key] = value
        return verdict.outcome
