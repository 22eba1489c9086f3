"""The store's blocking half: the statements, each method one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.db.models import BinaryField, Case, Exists, F, Q, QuerySet, Value, When
from django.db.models.functions import Length

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.ranges import Span
from partyrooms.exceptions import RoomElsewhere, RoomUnreachable
from partyrooms.models import Entry, Node, RoomRecord
from partyrooms.nodes.quarantine import require_no_quarantine
from partyrooms.ports.records import Claim, DueAlarm, Outcome, Place, RoomCommit
from partyrooms.store.alarms import alarm_of, find_due, write_alarms
from partyrooms.store.entries import PAIRS, chunks, write_entries
from partyrooms.store.fence import Row, Verdict, judge
from partyrooms.store.seats import LeftSeats, find_deserted, leave_seats, take_seats

CHUNK = 500
"""Rooms, or keys, in one statement; databases limit the parameters they take."""

CLAIM_ATTEMPTS = 3

_BINARY = BinaryField()


class Membership(Protocol):
    """What the store needs of the directory."""

    node_id: UUID
    database: str

    def register(self) -> None:
        """Make the node's row, once."""

    def stop_taking_rooms(self) -> None:
        """Let nobody place rooms at the node."""

    def is_gone(self, node: Node) -> bool:
        """Whether another node is certainly dead, whatever its row says."""

    def declare_dead(self, node: Node) -> bool:
        """Mark a node dead, unless it has renewed its row since it was read."""

    def close(self) -> None:
        """Give up every room and remove the node's row."""


class RoomRows:
    """
    The rows of rooms and entries, in the name of one node.

    Every method blocks, may be repeated after a database error, and does what the
    method of that name in ``Store`` promises.
    """

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._node = membership.node_id
        self._database = membership.database

    @property
    def _rooms(self) -> "QuerySet[RoomRecord]":
        return RoomRecord.objects.using(self._database)

    @property
    def _entries(self) -> "QuerySet[Entry]":
        return Entry.objects.using(self._database)

    def claim(self, key: RoomKey, gateways: Sequence[UUID] | None = None) -> Claim:
        self._membership.register()
        for _ in range(CLAIM_ATTEMPTS):
            with transaction.atomic(using=self._database):
                row, _ = self._rooms.select_related("owner").get_or_create(
                    party=key.party, room_id=key.room_id
                )
                self._displace(key, row.owner)
                require_no_quarantine(row)
                named = {*row.gateways, *map(str, gateways or ())}
                if self._take(row, () if gateways is None else named):
                    return Claim(
                        key=key,
                        record=row.pk,
                        epoch=row.epoch + 1,
                        version=row.version,
                        gateways=tuple(map(UUID, sorted(named))),
                        progress=None if row.progress is None else bytes(row.progress),
                        displaced=row.owner_id,
                        seats=self._take_seats(row.pk, gateways),
                        alarm=alarm_of(row),
                    )
        raise RoomUnreachable(self._why_not_taken(key))

    def _take_seats(self, record: int, gateways: object) -> LeftSeats:
        if gateways is None:  # Sockets do not outlive the room: there are none.
            return ()
        return take_seats(self._database, record, self._node)

    def _displace(self, key: RoomKey, owner: Node | None) -> None:
        if owner is None or owner.pk == self._node or owner.state == Node.State.DEAD:
            return
        if self._membership.is_gone(owner):
            self._membership.declare_dead(owner)
            return
        raise RoomElsewhere(
            f"{key} is owned by the living process {owner.pid} (host {owner.host}, "
            f"node {owner.pk}). Processes that share rooms need a channel layer on "
            "Redis or Valkey (CHANNEL_LAYERS, PARTYROOMS['CHANNEL_LAYER']); without "
            "one, run one server process for this database (uvicorn --workers 1), and "
            f"stop process {owner.pid} if it is not meant to serve rooms."
        )

    def _take(self, row: RoomRecord, named: Collection[str]) -> bool:
        # A dead node's row, or this node's own: an earlier life may not have released
        # it. The subqueries join nothing, so that a database which waited for another
        # claim compares the epoch anew.
        nodes = Node.objects.using(self._database)
        dead = nodes.filter(state=Node.State.DEAD).values("pk")
        alive = nodes.filter(pk=self._node, state=Node.State.ALIVE)
        taken = (
            self._rooms.filter(pk=row.pk, epoch=row.epoch, version=row.version)
            .filter(Q(owner=None) | Q(owner=self._node) | Q(owner__in=dead))
            .filter(Exists(alive))
            .update(
                owner=self._node,
                epoch=F("epoch") + 1,
                stop_requested=False,
                gateways=sorted(named),
            )
        )
        return taken == 1

    def _why_not_taken(self, key: RoomKey) -> str:
        own = Node.objects.using(self._database).filter(pk=self._node).first()
        if own is None or own.state == Node.State.DEAD:
            return (
                f"{key} cannot be claimed: this process's node {self._node} was "
                "declared dead (it was paused, or cut off from the database, for "
                "longer than LEASE_TTL). Its rooms start again under a new node."
            )
        return f"{key} is being claimed by other processes at this moment; try again."

    def locate(self, key: RoomKey) -> Place | None:
        row = (
            self._rooms.select_related("owner")
            .filter(party=key.party, room_id=key.room_id)
            .first()
        )
        owner = None if row is None else row.owner
        if owner is None or owner.state == Node.State.DEAD:
            return None
        return None if self._membership.is_gone(owner) else _place(owner)

    def places(self) -> list[Place]:
        alive = Node.objects.using(self._database).filter(state=Node.State.ALIVE)
        return [_place(node) for node in alive if not self._membership.is_gone(node)]

    def release(
        self,
        claims: Sequence[Claim],
        gateways: Sequence[UUID] | None = None,
        progress: bytes | None = None,
        seats: Mapping[UUID | None, bytes] | None = None,
    ) -> None:
        changes: dict[str, Any] = {}
        if gateways is not None:
            changes["gateways"] = [str(one) for one in gateways]
        if progress is not None:
            changes["progress"] = progress
        for chunk in chunks(claims, PAIRS):
            held = Q()
            for claim in chunk:
                held |= Q(pk=claim.record, epoch=claim.epoch)
            with transaction.atomic(using=self._database):
                given_up = self._rooms.filter(held, owner=self._node).update(
                    owner=None,
                    stop_requested=False,
                    blocked_count=0,
                    quarantined_until=None,
                    **changes,
                )
                if given_up and seats:
                    (claim,) = claims
                    named = {node or self._node: one for node, one in seats.items()}
                    leave_seats(self._database, claim.record, named)

    def deserted(
        self, *, now: datetime, parties: Collection[str], limit: int
    ) -> list[RoomKey]:
        return find_deserted(self._database, now=now, parties=parties, limit=limit)

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
                version=F("version") + 1, **_progress(chunk)
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

    def due_alarms(
        self,
        until: datetime,
        *,
        now: datetime,
        parties: Collection[str],
        limit: int,
    ) -> list[DueAlarm]:
        return find_due(
            self._rooms, self._node, until, now=now, parties=parties, limit=limit
        )

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
                .values_list("pk", "owner_id", "epoch", "version")
            )
            rows.update(
                (pk, Row(node, epoch, version)) for pk, node, epoch, version in found
            )
        return rows


def _progress(commits: Sequence[RoomCommit]) -> dict[str, Any]:
    """What an UPDATE of these rooms' rows sets besides; usually nothing."""
    cases = [
        When(pk=commit.claim.record, then=Value(commit.progress, _BINARY))
        for commit in commits
        if commit.progress is not None
    ]
    return {"progress": Case(*cases, default=F("progress"))} if cases else {}


def _place(node: Node) -> Place:
    return Place(
        node=node.pk,
        channel=node.channel,
        host=node.host,
        pid=node.pid,
        pid_started=node.pid_started,
        takes_rooms=node.takes_rooms,
    )
