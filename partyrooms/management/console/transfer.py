"""
Rooms as JSON lines, to be carried to another database or project.

A room is a line with its row, one for each entry, and one that says that it is whole::

    {"room": "chat/tea", "created_at": "...", "alarm": null}
    {"key": "topic", "value": "<what storage holds, MessagePack, in Base64>"}
    {"end": "chat/tea", "entries": 1, "row": 17}

Values are carried as they are stored, so that each type comes back. What belongs to
processes (owner, epoch, sockets) stays behind.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from partyrooms.core.keys import RoomKey
from partyrooms.core.values import decode, encode_key
from partyrooms.models import Entry, RoomRecord, RoomRecordQuerySet
from partyrooms.nodes.death import is_live
from partyrooms.timezones import as_project, as_utc

ROW = (
    *("alarm_at", "alarm_attempts", "alarm_error", "alarm_failed"),
    *("locked", "created_at"),
)
TIMES = {"alarm_at", "created_at"}

BATCH_ROOMS, BATCH_SIZE = 200, 4 * 2**20
"""Rooms, and characters of lines, that are imported in one transaction at most."""

Told = Callable[[], None]


@dataclass(slots=True)
class CarriedRoom:
    """One room as lines hold it."""

    key: RoomKey
    row: dict[str, Any]
    entries: list[tuple[bytes, bytes]] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class Imported:
    """What became of the rooms of a file."""

    made: int = 0
    replaced: int = 0
    left_alone: int = 0


def export(rooms: RoomRecordQuerySet, after: int, on_room: Told) -> Iterator[str]:
    """
    The lines of rooms, in the order of their rows.

    Each room is read with one statement, so that it is as it was at one moment, also
    while it runs.

    Args:
        rooms: Which.
        after: The ``row`` of the last one that is not wanted any more; 0: all are.
        on_room: Called with each room that is done.
    """
    known = rooms.filter(pk__gt=after).order_by("pk")
    for pk in known.values_list("pk", flat=True).iterator():
        columns = ("party", "room_id", *ROW, "entries__key", "entries__value")
        found = rooms.filter(pk=pk).order_by("entries__key").values_list(*columns)
        count, name = 0, ""
        for party, room_id, *row, key, value in found.iterator(chunk_size=100):
            if not name:
                name = f"{party}/{room_id}"
                facts = dict(zip(ROW, row, strict=True))
                yield _line(room=name, **{n: _text(x) for n, x in facts.items()})
            if key is not None:
                count += 1
                stored = b64encode(bytes(value)).decode()
                yield _line(key=bytes(key).decode(), value=stored)
        if name:  # else it was deleted meanwhile
            yield _line(end=name, entries=count, row=pk)
            on_room()


def read_rooms(lines: Iterable[str]) -> Iterator[CarriedRoom]:
    """
    The rooms in lines; one that is not whole at the end is left out.

    Raises:
        CommandError: If a line is none of an export; it names the line.
    """
    room: CarriedRoom | None = None
    for number, line in enumerate(lines, 1):
        try:
            match json.loads(line):
                case {"room": key, **row} if room is None:
                    columns = _columns({str(name): row[name] for name in row})
                    room = CarriedRoom(RoomKey.parse(key), columns)
                case {"key": key, "value": value} if room is not None:
                    stored = b64decode(value, validate=True)
                    decode(stored)
                    room.entries.append((encode_key(key), stored))
                case {"end": key, "entries": count} if (
                    room is not None
                    and key == str(room.key)
                    and count == len(room.entries)
                ):
                    yield room
                    room = None
                    continue
                case _:
                    raise ValueError("It does not follow from the lines before it.")
        except (ValueError, TypeError) as error:
            raise CommandError(
                f"Line {number} is not of `manage.py rooms export`: {error} Rooms "
                "before it may be imported; the same command goes on behind them."
            ) from error
        if room is not None:
            room.size += len(line)


def import_rooms(
    rooms: RoomRecordQuerySet,
    carried: Iterable[CarriedRoom],
    *,
    replaces: bool,
    on_room: Told,
) -> Imported:
    """
    Store rooms, each of them wholly or not at all.

    A room that exists is left alone, and so the same import may be run again after an
    interruption.

    Args:
        rooms: Of the database.
        carried: What is stored.
        replaces: Let what is carried replace a room that exists and does not run.
        on_room: Called with each room that is done.
    """
    imported = Imported()
    for batch in _batches(carried):
        with transaction.atomic(using=rooms.db):
            _store(rooms, batch, imported, replaces=replaces)
        for _ in batch:
            on_room()
    return imported


def _batches(carried: Iterable[CarriedRoom]) -> Iterator[list[CarriedRoom]]:
    batch: dict[RoomKey, CarriedRoom] = {}
    for room in carried:
        # A room that a file has twice comes once more: to one that exists.
        if batch and (
            room.key in batch
            or sum(one.size for one in batch.values()) + room.size > BATCH_SIZE
            or len(batch) >= BATCH_ROOMS
        ):
            yield list(batch.values())
            batch = {}
        batch[room.key] = room
    if batch:
        yield list(batch.values())


def _store(
    rooms: RoomRecordQuerySet,
    batch: list[CarriedRoom],
    imported: Imported,
    *,
    replaces: bool,
) -> None:
    ids = {room.key.room_id for room in batch}
    parties = {room.key.party for room in batch}
    existing = {
        row.key: row
        for row in rooms.select_for_update(of=("self",))
        .select_related("owner")
        .filter(party__in=parties, room_id__in=ids)
        .order_by("pk")
    }
    new, made, records = [], [], []
    for room in batch:
        record = existing.get(room.key)
        if record is None:
            key = room.key
            record = RoomRecord(party=key.party, room_id=key.room_id)
            made.append(record)
        elif not replaces or is_live(record.owner):
            imported.left_alone += 1
            continue
        else:
            imported.replaced += 1
        new.append(room)
        records.append(record)
    imported.made += len(rooms.bulk_create(made))
    for room, record in zip(new, records, strict=True):
        # After the INSERT, which gives created_at the present time.
        for name, value in room.row.items():
            setattr(record, name, value)
    rooms.bulk_update(records, ROW)
    entries = Entry.objects.using(rooms.db)
    entries.filter(room__in=records).delete()
    entries.bulk_create(
        [
            Entry(room=record, key=key, value=value)
            for room, record in zip(new, records, strict=True)
            for key, value in room.entries
        ],
        batch_size=500,
    )


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    if set(row) != set(ROW):
        raise ValueError(f"A room has {', '.join(ROW)}, and no more.")
    return {
        name: as_project(datetime.fromisoformat(value))
        if name in TIMES and value is not None
        else value
        for name, value in row.items()
    }


def _text(value: Any) -> Any:
    return as_utc(value).isoformat() if isinstance(value, datetime) else value


def _line(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
