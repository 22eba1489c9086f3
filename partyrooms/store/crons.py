"""Crons in the database: the last tick of each, and the node that ran it."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, Q, QuerySet

from partyrooms.models import CronRecord, Node
from partyrooms.nodes.death import is_gone
from partyrooms.nodes.membership import Membership
from partyrooms.ports.records import CronKey, CronRow
from partyrooms.timezones import as_project, as_utc


class CronRows:
    """The rows of crons, in the name of one node; every method blocks."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._node = membership.node_id
        self._database = membership.database

    @property
    def _rows(self) -> "QuerySet[CronRecord]":
        return CronRecord.objects.using(self._database)

    def introduce(self, expressions: Mapping[CronKey, str], now: datetime) -> None:
        since = as_project(now)
        # In one order everywhere, so that two transactions cannot wait for each other.
        new = [
            CronRecord(party=party, name=name, expression=text, scheduled_at=since)
            for (party, name), text in sorted(expressions.items())
        ]
        with transaction.atomic(using=self._database):
            self._rows.bulk_create(new, ignore_conflicts=True)
            changed = []
            for row in self._rows.select_for_update().order_by("party", "name"):
                text = expressions.get((row.party, row.name), row.expression)
                if row.expression != text:
                    row.expression = text
                    if not row.is_running:  # Its runner looks for the tick to end it.
                        row.scheduled_at = since
                    changed.append(row)
            self._rows.bulk_update(changed, ["expression", "scheduled_at"])

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
        return node.pk != self._node and is_gone(node)
