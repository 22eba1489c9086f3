"""The rows of rooms as a terminal shows them."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.models import Count, Sum
from django.db.models.functions import Length

from partyrooms.core.keys import RoomKey
from partyrooms.models import Entry, Node, RoomRecord, RoomRecordQuerySet
from partyrooms.nodes.death import is_live

COLUMNS = ("room", "owner", "epoch", "version", "entries", "bytes")

PIECE = 1000
"""Rooms that are read, and set in columns, at a time."""


def rooms_of(database: str) -> RoomRecordQuerySet:
    """The rooms of a database; a CommandError if it can have none."""
    if database not in connections:
        known = ", ".join(sorted(connections))
        raise CommandError(f"DATABASES has no alias {database!r}; it has {known}.")
    try:
        tables = connections[database].introspection.table_names()
    except OperationalError as error:
        raise CommandError(f"The database {database!r} failed: {error}") from error
    if RoomRecord._meta.db_table not in tables:
        option = "" if database == DEFAULT_DB_ALIAS else f" --database {database}"
        raise CommandError(
            f"The database {database!r} has no tables of partyrooms yet. Make them: "
            f"manage.py migrate{option}"
        )
    return RoomRecord.objects.using(database)


def find(rooms: RoomRecordQuerySet, key: RoomKey) -> Any:
    """The room's row with its owner; a CommandError if there is none."""
    try:
        return rooms.select_related("owner").get(party=key.party, room_id=key.room_id)
    except RoomRecord.DoesNotExist:
        raise CommandError(
            f"There is no room {key}; `manage.py rooms list` names them all."
        ) from None


def pieces_of_list(rooms: RoomRecordQuerySet) -> Iterator[list[list[Any]]]:
    """The cells of all rooms, so many rooms at a time that memory does not matter."""
    nodes = Node.objects.using(rooms.db)
    # Looked at once for each process, not for each of its rooms.
    owner_of = cache(lambda pk: describe(nodes.filter(pk=pk).first()))
    columns = ("pk", "party", "room_id", "owner", "epoch", "version")
    found = rooms.order_by("party", "room_id").values_list(*columns)
    cursor = found.iterator(chunk_size=PIECE)
    while piece := list(islice(cursor, PIECE)):
        records = [row[0] for row in piece]
        entries = Entry.objects.using(rooms.db).filter(room__in=records).order_by()
        size = Sum(Length("key") + Length("value"))
        sums = entries.values("room").annotate(number=Count("pk"), total=size)
        sizes = {
            room: rest for room, *rest in sums.values_list("room", "number", "total")
        }
        yield [
            [f"{party}/{room_id}", owner_of(owner), *numbers, *sizes.get(pk, (0, 0))]
            for pk, party, room_id, owner, *numbers in piece
        ]


def describe_alarm(room: Any) -> str:
    """When a room's alarm is due, in a few words."""
    if room.alarm_at is None:
        return "none"
    at = room.alarm_at.isoformat(" ", "seconds")
    if not room.alarm_attempts:
        return f"due {at}"
    failures = f"{room.alarm_attempts} failed attempts: {room.alarm_error}"
    return f"{'given up' if room.alarm_failed else 'due'} {at} after {failures}"


def describe(owner: Node | None) -> str:
    """Who owns a room, in a few words."""
    if owner is None:
        return "nobody"
    return f"process {owner.pid} ({'alive' if is_live(owner) else 'dead'})"
