"""Crons as rows hold them: who runs which tick, and who is next."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, Q, QuerySet

from partyrooms.models import CronRecord, Node
from partyrooms.ports.records import CronKey, CronRow
from partyrooms.timezones import as_project, as_utc

if TYPE_CHECKING:
    from partyrooms.store.rows import Membership


class CronRows:
    """The rows of crons, in the name of one node; every method blocks."""

    def __init__(self, membership: "Membership") -> None:
        self._membership = membership
        self._node = membership.node_id
        self._database = membership.database

    @property
    def _rows(self) -> "QuerySet[CronRecord]":
        return CronRecord.objects.using(self._database)

    def introduce(self, expressions: Mapping[CronKey, str], now: datetime) -> None:
        for (party, name), expression in expressions.items():
            row, _ = self._rows.get_or_create(
                party=party,
                name=name,
                defaults={"expression": expression, "scheduled_at": as_project(now)},
            )
            if row.expression != expression:
                changed = self._rows.filter(pk=row.pk, expression=row.expression)
                # Who runs a tick would not know it any more.
                changed.filter(is_running=False).update(scheduled_at=as_project(now))
                changed.update(expression=expression)

    def all(self) -> list[CronRow]:
        return [
            CronRow(
                record=row.pk,
                key=(row.party, row.name),
                tick=as_utc(row.scheduled_at),
                runner=row.runner_id,
                is_running=row.is_running,
                is_own=row.runner_id == self._node,
                is_abandoned=row.is_running and self._is_dead(row.runner),
            )
            for row in self._rows.select_related("runner")
        ]

    def begin(self, row: CronRow, tick: datetime, now: datetime) -> bool:
        self._membership.register()
        nodes = Node.objects.using(self._database)
        alive = nodes.filter(pk=self._node, state=Node.State.ALIVE)
        same_runner = Q(runner=row.runner)
        if row.is_abandoned:
            # The dead node's row may have been removed since.
            same_runner |= Q(runner=None)
        begun = self._rows.filter(
            same_runner,
            Exists(alive),
            pk=row.record,
            scheduled_at=as_project(row.tick),
            is_running=row.is_running,
        ).update(
            scheduled_at=as_project(tick),
            runner=self._node,
            is_running=True,
            started_at=as_project(now),
            ended_at=None,
            error="",
        )
        return begun == 1

    def end(self, row: CronRow, now: datetime, error: str) -> None:
        self._rows.filter(pk=row.record, runner=self._node).update(
            is_running=False, ended_at=as_project(now), error=error
        )

    def _is_dead(self, node: Node | None) -> bool:
        if node is None or node.state == Node.State.DEAD:
            return True
        return node.pk != self._node and self._membership.is_gone(node)
