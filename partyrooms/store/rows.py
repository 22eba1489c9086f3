"""What rooms store: the statements, each method one transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import BinaryField, Case, F, QuerySet, UUIDField, Value, When
from django.db.models.functions import Length

from partyrooms.core.alarm import Alarm
from partyrooms.core.ranges import Span
from partyrooms.exceptions import RoomUnreachable
from partyrooms.models import Entry, RoomRecord
from partyrooms.ports.records import Claim, Outcome, RoomCommit
from partyrooms.store.alarms import alarm_of, write_alarms
from partyrooms.store.entries import CHUNK, chunks, write_entries
from partyrooms.store.fence import Row, Verdict, judge

_BINARY = BinaryField()


class RoomRows:
    """
    The rows of rooms and entries, in the name of one node.

    Every method blocks, may be repeated after a database error, and does what the
    method of that name in ``Store`` promises.
    """

    def __init__(self, node: UUID, database: str) -> None:
        self._node = node
        self._database = database

    @property
    def _rooms(self) -> "QuerySet[RoomRecord]":
        return RoomRecord.objects.using(self._database)

    @property
    def _entries(self) -> "QuerySet[Entry]":
        return Entry.objects.using(self._database)

    def sizes(self, record: int) -> dict[bytes, int]:
        rows = self._entries.filter(room=record).values_list("key", Length("value"))
        return {bytes(key): len(key) + size for key, size in rows}

    def read(self, record: int, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for chunk in chunks(keys, CHUNK):
            rows = self._entries.filter(room=record, key__in=chunk)
            found.update(
                (bytes(k), bytes(v)) for k, v in rows.values_list("key", "value")
            )
        return found

    def scan(self, record: int, span: Span) -> list[tuple[bytes, bytes]]:
        rows = self._entries.filter(room=record)
        if span.start is not None:
            rows = rows.filter(key__gte=span.start)
        if span.end is not None:
            rows = rows.filter(key__lt=span.end)
        rows = rows.order_by("-key" if span.reverse else "key")[: span.limit]
        return [(bytes(k), bytes(v)) for k, v in rows.values_list("key", "value")]

    def commit(self, batch: Sequence[RoomCommit]) -> list[Outcome]:
        with transaction.atomic(using=self._database):
            rows = self._lock([commit.claim.record for commit in batch])
            verdicts = [
                judge(rows.get(commit.claim.record), self._node, commit)
                for commit in batch
            ]
            due = [
                commit
                for commit, verdict in zip(batch, verdicts, strict=True)
                if verdict is Verdict.WRITE
            ]
            self.write(due)
        return [verdict.outcome for verdict in verdicts]

    def judge(self, commit: RoomCommit) -> Verdict:
        """Inside a transaction: lock a room's row, and compare it with a commit."""
        row = self._lock([commit.claim.record]).get(commit.claim.record)
        return judge(row, self._node, commit)

    def write(self, due: Sequence[RoomCommit]) -> None:
        """Inside the transaction in which they were judged: write commits."""
        for chunk in chunks(due, CHUNK):
            records = [commit.claim.record for commit in chunk]
            self._rooms.filter(pk__in=records).update(
                version=F("version") + 1,
                last_commit=_last_commit(chunk),
                **_progress(chunk),
            )
            write_entries(self._entries, chunk)
            write_alarms(self._rooms, chunk)

    def outcome(self, commit: RoomCommit) -> Outcome | None:
        with transaction.atomic(using=self._database):
            verdict = self.judge(commit)
        return None if verdict is Verdict.WRITE else verdict.outcome

    def alarm(self, record: int) -> Alarm | None:
        row = self._rooms.filter(pk=record).first()
        return None if row is None else alarm_of(row)

    def delete(self, claim: Claim) -> None:
        with transaction.atomic(using=self._database):
            row = self._lock([claim.record]).get(claim.record)
            if row is None:
                return  # Done before; the answer was lost.
            if row.owner != self._node or row.epoch != claim.epoch:
                raise RoomUnreachable(
                    f"{claim.key} was not deleted: another process owns it by now."
                )
            self._entries.filter(room=claim.record).delete()
            self._rooms.filter(pk=claim.record).delete()

    def _lock(self, records: Sequence[int]) -> dict[int, Row]:
        # In one order everywhere, so that two transactions cannot wait for each other.
        # SQLite has no row locks; its IMMEDIATE transactions have the whole file.
        rows: dict[int, Row] = {}
        for chunk in chunks(sorted(records), CHUNK):
            found = (
                self._rooms.select_for_update()
                .filter(pk__in=chunk)
                .order_by("pk")
                .values_list("pk", "owner_id", "epoch", "version", "last_commit")
            )
            rows.update(
                (pk, Row(node, epoch, version, last_commit))
                for pk, node, epoch, version, last_commit in found
            )
        return rows


def _last_commit(commits: Sequence[RoomCommit]) -> Any:
    """What an UPDATE of these rooms' rows sets; usually they share it."""
    ids = {commit.id for commit in commits}
    if len(ids) == 1:
        return ids.pop()
    cases = [When(pk=commit.claim.record, then=Value(commit.id)) for commit in commits]
    return Case(*cases, output_field=UUIDField())


def _progress(commits: Sequence[RoomCommit]) -> dict[str, Any]:
    """What an UPDATE of these rooms' rows sets besides; usually nothing."""
    cases = [
        When(pk=commit.claim.record, then=Value(commit.progress, _BINARY))
        for commit in commits
        if commit.progress is not None
    ]
    return {"progress": Case(*cases, default=F("progress"))} if cases else {}
