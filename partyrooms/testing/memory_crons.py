"""The crons of a store without a database."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from partyrooms.ports.records import CronKey, CronRow


@dataclass(slots=True)
class MemoryCron:
    """One cron's row."""

    expression: str
    row: CronRow
    error: str = ""


@dataclass(slots=True)
class CronTable:
    """What stands for the table of crons."""

    rows: dict[CronKey, MemoryCron] = field(default_factory=dict)


class MemoryCronStore(ABC):
    """
    The part of ``MemoryStore`` that is about crons.

    Attributes:
        node_id: In whose name.
        cron_table: Shared with other stores.
        dead: Nodes whose ticks anybody may take over; shared, too.
    """

    node_id: UUID

    @property
    @abstractmethod
    def cron_table(self) -> CronTable: ...

    @property
    @abstractmethod
    def dead(self) -> set[UUID]: ...

    @abstractmethod
    def _arrive(self) -> None: ...

    @abstractmethod
    async def _answer(self) -> None: ...

    async def introduce_crons(
        self, expressions: Mapping[CronKey, str], now: datetime
    ) -> None:
        self._arrive()
        rows = self.cron_table.rows
        for key, expression in expressions.items():
            known = rows.get(key)
            if known is None:
                row = CronRow(
                    record=len(rows) + 1,
                    key=key,
                    tick=now,
                    runner=None,
                    is_running=False,
                    is_own=False,
                    is_abandoned=False,
                )
                rows[key] = MemoryCron(expression, row)
            elif known.expression != expression:
                known.expression = expression
                if not known.row.is_running:
                    known.row = replace(known.row, tick=now)
        await self._answer()

    async def crons(self) -> list[CronRow]:
        self._arrive()
        gone = {None, *self.dead}
        rows = [
            replace(
                cron.row,
                is_own=cron.row.runner == self.node_id,
                is_abandoned=cron.row.is_running and cron.row.runner in gone,
            )
            for cron in self.cron_table.rows.values()
        ]
        await self._answer()
        return rows

    async def begin_tick(self, row: CronRow, tick: datetime, now: datetime) -> bool:
        self._arrive()
        cron = self.cron_table.rows[row.key]
        runners = {row.runner, None} if row.is_abandoned else {row.runner}
        is_same = (row.tick, row.is_running) == (cron.row.tick, cron.row.is_running)
        is_free = is_same and cron.row.runner in runners
        begins = is_free and self.node_id not in self.dead
        if begins:
            mine = replace(cron.row, tick=tick, runner=self.node_id, is_running=True)
            cron.row, cron.error = mine, ""
        await self._answer()
        return begins

    async def end_tick(self, row: CronRow, now: datetime, error: str) -> None:
        self._arrive()
        cron = self.cron_table.rows[row.key]
        if cron.row.runner == self.node_id:
            cron.row, cron.error = replace(cron.row, is_running=False), error
        await self._answer()
