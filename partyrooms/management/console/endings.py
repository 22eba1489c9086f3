"""Ending a room's life, or the room itself, through the database."""

import time

from django.core.management.base import CommandError
from django.db import transaction

from partyrooms.core.keys import RoomKey
from partyrooms.management.console.records import describe, find
from partyrooms.models import RoomRecord, RoomRecordQuerySet
from partyrooms.nodes.death import declare_dead, is_live

POLL_INTERVAL = 0.1
"""Seconds between two looks at a room that is asked to stop."""


def stop(rooms: RoomRecordQuerySet, key: RoomKey, timeout: float) -> bool:
    """
    Ask the owner to stop a room, and wait until it has released it.

    Returns:
        Whether it was running.

    Raises:
        CommandError: If it did not stop within ``timeout`` seconds, or is unknown.
    """
    room = find(rooms, key)
    if not is_live(room.owner):
        _release(rooms, room)
        return False
    period = rooms.filter(pk=room.pk, owner=room.owner, epoch=room.epoch)
    period.update(stop_requested=True)
    deadline = time.monotonic() + timeout
    while period.exists():
        if time.monotonic() >= deadline:
            raise CommandError(
                f"{key} did not stop within {timeout:g} s. Its owner, "
                f"{describe(room.owner)}, reads requests with each heartbeat and "
                "lets a running hook end first; it may be busy or hung. The "
                "request stays: wait longer (--timeout), or stop that process."
            )
        time.sleep(POLL_INTERVAL)
    return True


def delete(rooms: RoomRecordQuerySet, key: RoomKey) -> None:
    """Remove a room that no living node owns; a CommandError if one does."""
    with transaction.atomic(using=rooms.db):
        room = find(rooms.select_for_update(of=("self",)), key)
        if is_live(room.owner):
            raise CommandError(
                f"{key} is owned by {describe(room.owner)} and would write again. "
                f"Stop it first: manage.py rooms stop {key}"
            )
        room.delete()


def _release(rooms: RoomRecordQuerySet, room: RoomRecord) -> None:
    """Clear the owner that is dead, and an earlier request to stop."""
    if room.owner is not None:
        declare_dead(room.owner, database=rooms.db)
    rooms.filter(pk=room.pk, owner=room.owner, epoch=room.epoch).update(
        owner=None, stop_requested=False
    )
