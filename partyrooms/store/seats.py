"""Who was connected to a room that nobody runs: statements, each blocking."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from partyrooms.core.keys import RoomKey
from partyrooms.models import Node, Seats
from partyrooms.moments import as_project

LeftSeats = tuple[tuple[UUID | None, bytes], ...]
"""The node that has the sockets (None: one that is gone for good), and who they are."""


def leave_seats(database: str, record: int, seats: Mapping[UUID, bytes]) -> None:
    """Keep who is connected by which node, until the room is claimed."""
    nodes = Node.objects.using(database).filter(pk__in=seats)
    known = set(nodes.values_list("pk", flat=True))
    Seats.objects.using(database).bulk_create(
        Seats(room_id=record, node_id=node if node in known else None, profiles=data)
        for node, data in seats.items()
    )


def take_seats(database: str, record: int, own: UUID) -> LeftSeats:
    """Who was connected elsewhere when the room was given up; it is forgotten."""
    rows = Seats.objects.using(database).filter(room=record)
    found = [(node, bytes(data)) for node, data in rows.values_list("node", "profiles")]
    if found:
        rows.delete()
    return tuple(one for one in found if one[0] != own)


def find_deserted(
    database: str, *, now: datetime, parties: Collection[str], limit: int
) -> list[RoomKey]:
    """One query, on the index of nodes; see ``Store.deserted``."""
    gone = Q(node=None) | Q(node__state=Node.State.DEAD)
    at_large = Q(room__quarantined_until=None) | Q(
        room__quarantined_until__lte=as_project(now)
    )
    rows = Seats.objects.using(database).filter(gone, at_large, room__party__in=parties)
    keys = rows.values_list("room__party", "room__room_id").distinct()
    return [RoomKey(*key) for key in keys[:limit]]
