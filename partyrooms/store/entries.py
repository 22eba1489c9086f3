"""Entries as rows hold them: statements for many rooms at once, each blocking."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from django.db.models import Q, QuerySet

from partyrooms.models import Entry
from partyrooms.ports.records import RoomCommit

Item = TypeVar("Item")

CHUNK = 500
"""Rooms, or keys, in one statement: databases limit the parameters they take."""

PAIRS = 200
"""(room, key) pairs in one statement: SQLite's expressions are at most 1000 deep."""


def write_entries(entries: "QuerySet[Entry]", commits: Sequence[RoomCommit]) -> None:
    """Clear, delete and put what the commits say, in this order."""
    cleared: list[int] = []
    deleted: list[tuple[int, bytes]] = []
    put: list[Entry] = []
    for commit in commits:
        record = commit.claim.record
        if commit.writes.cleared:
            cleared.append(record)
        for key, value in commit.writes.entries.items():
            if value is None:
                deleted.append((record, key))
            else:
                put.append(Entry(room_id=record, key=key, value=value))
    if cleared:
        entries.filter(room__in=cleared).delete()
    for chunk in chunks(deleted, PAIRS):
        gone = Q()
        for record, key in chunk:
            gone |= Q(room=record, key=key)
        entries.filter(gone).delete()
    if put:
        entries.bulk_create(
            put,
            update_conflicts=True,
            unique_fields=["room", "key"],
            update_fields=["value"],
        )


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Pieces of at most so many items, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
