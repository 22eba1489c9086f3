"""What changes of a room, read from its row: whoever owns it is not asked."""

from collections.abc import Callable, Iterator
from typing import Any

from partyrooms.core.keys import RoomKey
from partyrooms.management.console.records import describe, describe_alarm, find
from partyrooms.models import RoomRecordQuerySet


def changes(
    rooms: RoomRecordQuerySet, key: RoomKey, pause: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    """
    The facts of a room, and then those that have changed, at each look that sees any.

    Args:
        rooms: Of the database.
        key: The room.
        pause: Called between two looks.

    Raises:
        CommandError: If there is no such room, or none any more.
    """
    known: dict[str, Any] = {}
    while True:
        row = find(rooms, key)
        facts = {
            "owner": describe(row.owner),
            "epoch": row.epoch,
            "version": row.version,
            "alarm": describe_alarm(row),
            "locked": row.locked,
        }
        if facts["version"] != known.get("version"):  # Only then may they differ.
            whole = find(rooms.with_sizes(), key)
            facts |= {"entries": whole.entry_count, "bytes": whole.total_size}
        changed = {name: x for name, x in facts.items() if known.get(name) != x}
        if changed:
            yield changed
        known |= facts
        pause()
