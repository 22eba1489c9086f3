"""The connections of a room that has no owner: statements, each blocking."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from partyrooms.core.keys import RoomKey
from partyrooms.models import Node, RoomRecord, Seats
from partyrooms.nodes.quarantine import not_quarantined
from partyrooms.store.entries import CHUNK, chunks

LeftSeats = tuple[tuple[UUID | None, bytes], ...]
"""A node with sockets (None: one whose row is removed), and their profiles."""


def leave_seats(database: str, seats: Mapping[int, Mapping[UUID, bytes]]) -> None:
    """
    Store the profiles of the connections of rooms, until each room is claimed.

    Args:
        database: The alias.
        seats: The profiles by room and node.
    """
    named = {node for nodes in seats.values() for node in nodes}
    if not named:
        return
    nodes = Node.objects.using(database).filter(pk__in=named)
    known = set(nodes.values_list("pk", flat=True))
    Seats.objects.using(database).bulk_create(
        Seats(room_id=record, node_id=node if node in known else None, profiles=data)
        for record, by_node in seats.items()
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
    See ``Store.deserted``: one query on the index of nodes, if no room is deserted.

    It is a union, for databases use no index for one *or* the other. The rooms are
    read in a second step, so that a look does not cost the more, the more rooms exist.
    """
    seats = Seats.objects.using(database).values_list("room", flat=True)
    dead = Node.objects.using(database).filter(state=Node.State.DEAD).values("pk")
    left = seats.filter(node=None).union(seats.filter(node__in=dead))
    rooms = RoomRecord.objects.using(database).filter(
        not_quarantined(now), party__in=parties
    )
    found: list[RoomKey] = []
    for records in chunks(list(left), CHUNK):
        keys = rooms.filter(pk__in=records).values_list("party", "room_id")
        found += [RoomKey(*key) for key in keys]
        if len(found) >= limit:
            break
    return found[:limit]
