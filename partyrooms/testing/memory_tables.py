"""What stands for the database: rows of rooms and of crons in dictionaries."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import UNKNOWN
from partyrooms.ports.records import Claim, CronKey, CronRow, Outcome, Place, RoomCommit
from partyrooms.store.fence import Row, Verdict, judge


@dataclass(slots=True)
class MemoryRoom:
    """One room's row and its entries."""

    fence: Row
    entries: dict[bytes, bytes] = field(default_factory=dict)
    gateways: tuple[UUID, ...] = ()
    progress: bytes | None = None
    seats: dict[UUID, bytes] = field(default_factory=dict)
    alarm: Alarm | None = None


@dataclass(slots=True)
class MemoryCron:
    """One cron's row."""

    expression: str
    row: CronRow
    error: str = ""


@dataclass(slots=True)
class MemoryCrons:
    """The rows of crons, by party and name; see ``Store`` for the methods."""

    rows: dict[CronKey, MemoryCron] = field(default_factory=dict)

    def introduce(self, expressions: Mapping[CronKey, str], now: datetime) -> None:
        """Make crons known."""
        for key, expression in expressions.items():
            cron = self.rows.get(key)
            if cron is None:
                row = CronRow(
                    record=len(self.rows) + 1,
                    key=key,
                    tick=now,
                    runner=None,
                    is_running=False,
                    is_own=False,
                    is_abandoned=False,
                )
                self.rows[key] = MemoryCron(expression, row)
            elif cron.expression != expression:
                cron.expression = expression
                if not cron.row.is_running:
                    cron.row = replace(cron.row, tick=now)

    def all(self, node: UUID, dead: set[UUID]) -> list[CronRow]:
        """Every cron, as a node sees it."""
        gone = {None, *dead}
        return [
            replace(
                cron.row,
                is_own=cron.row.runner == node,
                is_abandoned=cron.row.is_running and cron.row.runner in gone,
            )
            for cron in self.rows.values()
        ]

    def begin(self, row: CronRow, tick: datetime, node: UUID) -> bool:
        """Make a node the runner of a tick, if the row is still as it was read."""
        cron = self.rows[row.key]
        runners = {row.runner, None} if row.is_abandoned else {row.runner}
        is_same = (row.tick, row.is_running) == (cron.row.tick, cron.row.is_running)
        if not is_same or cron.row.runner not in runners:
            return False
        cron.row = replace(cron.row, tick=tick, runner=node, is_running=True)
        cron.error = ""
        return True

    def end(self, row: CronRow, error: str, node: UUID) -> None:
        """End the tick that a node runs."""
        cron = self.rows[row.key]
        if cron.row.runner == node:
            cron.row, cron.error = replace(cron.row, is_running=False), error


@dataclass(slots=True)
class MemoryTables:
    """
    The tables, which several stores may share like processes.

    Attributes:
        records: The primary key of each room.
        rooms: The rooms by primary key.
        dead: Nodes whose rooms anybody may claim.
        crons: Which node ran which tick.
        places: How the nodes of the other stores are reached.
        available: False: every call raises ``StoreUnavailable`` and does nothing.
        lose_next_reply: True: the next call does its work, then raises
            ``StoreUnavailable``, as when the connection breaks before the answer.
    """

    records: dict[RoomKey, int] = field(default_factory=dict)
    rooms: dict[int, MemoryRoom] = field(default_factory=dict)
    dead: set[UUID] = field(default_factory=set)
    crons: MemoryCrons = field(default_factory=MemoryCrons)
    places: dict[UUID, Place] = field(default_factory=dict)
    available: bool = True
    lose_next_reply: bool = False
    _last_record: int = 0

    def room(self, key: RoomKey) -> tuple[int, MemoryRoom]:
        """The room's primary key and row, made if there is none."""
        if key not in self.records:
            self._last_record += 1
            self.records[key] = self._last_record
            self.rooms[self._last_record] = MemoryRoom(Row(None, 0, 0))
        record = self.records[key]
        return record, self.rooms[record]

    def entries(self, record: int) -> dict[bytes, bytes]:
        """What a room stores; nothing if it is deleted."""
        return self.rooms[record].entries if record in self.rooms else {}

    def owned(self, claim: Claim, node: UUID) -> MemoryRoom | None:
        """The room, if the node holds it under this claim."""
        room = self.rooms.get(claim.record)
        if room is None or (room.fence.owner, room.fence.epoch) != (node, claim.epoch):
            return None
        return room

    def judge(self, commit: RoomCommit, node: UUID) -> Verdict:
        """Compare a room's row with what a node's commit expects of it."""
        room = self.rooms.get(commit.claim.record)
        return judge(None if room is None else room.fence, node, commit)

    def write(self, commit: RoomCommit, node: UUID) -> Outcome:
        """Do what one room wants written, at once."""
        verdict = self.judge(commit, node)
        if verdict is not Verdict.WRITE:
            return verdict.outcome
        room = self.rooms[commit.claim.record]
        version = room.fence.version + 1
        room.fence = replace(room.fence, version=version, last_commit=commit.id)
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
