"""The connections of a room that has no owner: statements, each blocking."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from partyrooms.core.keys import RoomKey
from partyrooms.models import Node, Seats
from partyrooms.nodes.quarantine import not_quarantined
from partyrooms.ports.records import Claim

LeftSeats = tuple[tuple[UUID | None, bytes], ...]
"""A node with sockets (None: one whose row is removed), and their profiles."""


def leave_seats(database: str, seats: Mapping[Claim, Mapping[UUID, bytes]]) -> None:
    """
    Store the profiles of the connections of rooms, until each room is claimed.

    Args:
        database: The alias.
        seats: The profiles by node, of each room.
    """
    named = {node for nodes in seats.values() for node in nodes}
    if not named:
        return
    nodes = Node.objects.using(database).filter(pk__in=named)
    known = set(nodes.values_list("pk", flat=True))
    Seats.objects.using(database).bulk_create(
        Seats(
            room_id=claim.record,
            party=claim.key.party,
            node_id=node if node in known else None,
            profiles=data,
        )
        for claim, by_node in seats.items()
        for node, data in by_node.items()
    )


def take_seats(database: str, record: int, own: UUID) -> LeftSeats:
    """Take out the profiles that were stored; those of the own node are left out."""
    rows = Seats.objects.using(database).filter(room=record)
    found = [(node, bytes(data)) for node, data in rows.values_list("node", "profiles")]
    if found:
        rows.delete()
    return tuple(one for one in found if one[0] != own)


def find_deserted(
    database: str, *, now: datetime, parties: Collection[str], limit: int
) -> list[RoomKey]:
    """
    See ``Store.deserted``: one query on an index of nodes and parties.

    It is a union, for databases use no index for one *or* the other.
    """
    seats = Seats.objects.using(database).filter(party__in=parties)
    seats = seats.filter(not_quarantined(now, "room__"))
    dead = Node.objects.using(database).filter(state=Node.State.DEAD).values("pk")
    parts = [
        part.values("pk")[:limit]
        for part in (seats.filter(node=None), seats.filter(node__in=dead))
    ]
    columns = ("room__party", "room__room_id")
    found, more = (
        Seats.objects.using(database).filter(pk__in=part).values_list(*columns)
        for part in parts
    )
    return [RoomKey(*key) for key in found.union(more)][:limit]
