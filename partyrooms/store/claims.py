"""The ownership of rooms: the statements, each method one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomElsewhere, RoomUnreachable
from partyrooms.models import Node, RoomRecord, Seats
from partyrooms.nodes.death import declare_dead, is_gone
from partyrooms.nodes.membership import Membership
from partyrooms.nodes.quarantine import require_no_quarantine
from partyrooms.ports.records import Claim, Handover, Place
from partyrooms.store.alarms import alarm_of
from partyrooms.store.entries import CHUNK, chunks
from partyrooms.store.seats import leave_seats, take_seats

CLAIM_ATTEMPTS = 3


class RoomClaims:
    """
    The rows of rooms as they are claimed and given up, in the name of one node.

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
    def _nodes(self) -> "QuerySet[Node]":
        return Node.objects.using(self._database)

    def claim(
        self, key: RoomKey, *, hibernates: bool = False, gateways: Iterable[UUID] = ()
    ) -> Claim:
        self._membership.register()
        named = set(map(str, gateways))
        for _ in range(CLAIM_ATTEMPTS):
            with transaction.atomic(using=self._database):
                claim = self._try_to_claim(key, hibernates, named)
            if claim is not None:
                return claim
        raise RoomUnreachable(self._why_not_taken(key))

    def _try_to_claim(
        self, key: RoomKey, hibernates: bool, gateways: set[str]
    ) -> Claim | None:
        seats = Exists(Seats.objects.using(self._database).filter(room=OuterRef("pk")))
        row, is_new = (
            self._rooms.select_related("owner")
            .annotate(has_seats=seats)
            .get_or_create(party=key.party, room_id=key.room_id)
        )
        self._require_free(key, row.owner)
        require_no_quarantine(row)
        named = sorted({*row.gateways, *gateways})
        if not self._take(row, named if hibernates else []):
            return None
        # Also where nobody hibernates: the class may have, when the room was given up.
        seats_left = hibernates or (not is_new and row.has_seats)
        return Claim(
            key=key,
            record=row.pk,
            epoch=row.epoch + 1,
            version=row.version,
            gateways=tuple(map(UUID, named)),
            progress=None if row.progress is None else bytes(row.progress),
            displaced=row.owner_id,
            seats=take_seats(self._database, row.pk, self._node) if seats_left else (),
            alarm=alarm_of(row),
        )

    def _require_free(self, key: RoomKey, owner: Node | None) -> None:
        """Raise if a living node owns the room; declare an owner dead that is gone."""
        if owner is None or owner.pk == self._node or owner.state == Node.State.DEAD:
            return
        if is_gone(owner):
            declare_dead(owner, database=self._database)
            return
        raise RoomElsewhere(
            f"{key} is owned by the living process {owner.pid} (host {owner.host}, "
            f"node {owner.pk}). Processes that share rooms need a channel layer on "
            "Redis or Valkey (CHANNEL_LAYERS, PARTYROOMS['CHANNEL_LAYER']); without "
            "one, run one server process for this database (uvicorn --workers 1), and "
            f"stop process {owner.pid} if it is not meant to serve rooms."
        )

    def _take(self, row: RoomRecord, named: Sequence[str]) -> bool:
        # A dead node's row, or this node's own: an earlier life may not have released
        # it. The subqueries join nothing, so that a database which waited for another
        # claim compares the epoch anew.
        dead = self._nodes.filter(state=Node.State.DEAD).values("pk")
        alive = self._nodes.filter(pk=self._node, state=Node.State.ALIVE)
        taken = (
            self._rooms.filter(pk=row.pk, epoch=row.epoch, version=row.version)
            .filter(Q(owner=None) | Q(owner=self._node) | Q(owner__in=dead))
            .filter(Exists(alive))
            .update(
                owner=self._node,
                epoch=F("epoch") + 1,
                stop_requested=False,
                gateways=named,
            )
        )
        return taken == 1

    def _why_not_taken(self, key: RoomKey) -> str:
        if self._nodes.filter(pk=self._node, state=Node.State.ALIVE).exists():
            return (
                f"{key} is being claimed by other processes at this moment; try again."
            )
        return (
            f"{key} cannot be claimed: this process's node {self._node} was declared "
            "dead (it was paused, or cut off from the database, for longer than "
            "LEASE_TTL). Its rooms start again under a new node."
        )

    def release(self, batch: Sequence[tuple[Claim, Handover]]) -> None:
        with transaction.atomic(using=self._database):
            for chunk in chunks(sorted(batch, key=lambda one: one[0].record), CHUNK):
                self._release(chunk)

    def _release(self, batch: Sequence[tuple[Claim, Handover]]) -> None:
        epochs = {claim.record: claim.epoch for claim, _ in batch}
        # In one order everywhere, so that two transactions cannot wait for each other.
        locked = self._rooms.select_for_update().filter(owner=self._node).order_by("pk")
        rows = {row.pk: row for row in locked.filter(pk__in=epochs)}
        held = {pk: row for pk, row in rows.items() if row.epoch == epochs[pk]}
        self._rooms.filter(pk__in=held).update(
            owner=None, stop_requested=False, blocked_count=0, quarantined_until=None
        )
        changed: list[RoomRecord] = []
        seats: dict[Claim, Mapping[UUID, bytes]] = {}
        for claim, handover in batch:
            row = held.get(claim.record)
            if row is None or row.epoch != claim.epoch:
                continue
            if _hand_over(row, handover):
                changed.append(row)
            if handover.seats:
                left = handover.seats.items()
                seats[claim] = {node or self._node: data for node, data in left}
        self._rooms.bulk_update(changed, ["gateways", "progress"])
        leave_seats(self._database, seats)

    def locate(self, key: RoomKey) -> Place | None:
        owner = self._nodes.filter(
            rooms__party=key.party,
            rooms__room_id=key.room_id,
            state=Node.State.ALIVE,
        ).first()
        return None if owner is None or is_gone(owner) else _place(owner)

    def locked(self) -> set[RoomKey]:
        rooms = self._rooms.filter(locked=True)
        return {RoomKey(*one) for one in rooms.values_list("party", "room_id")}

    def places(self) -> list[Place]:
        alive = self._nodes.filter(state=Node.State.ALIVE)
        return [_place(node) for node in alive if not is_gone(node)]


def _hand_over(row: RoomRecord, handover: Handover) -> bool:
    """Change a room's row as its next owner is to find it; whether that differs."""
    before = (row.gateways, row.progress)
    if handover.gateways is not None:
        row.gateways = [str(node) for node in handover.gateways]
    if handover.progress is not None:
        row.progress = handover.progress
    return before != (row.gateways, row.progress)


def _place(node: Node) -> Place:
    return Place(
        node=node.pk,
        channel=node.channel,
        host=node.host,
        pid=node.pid,
        pid_started=node.pid_started,
        takes_rooms=node.takes_rooms,
    )
