"""Rooms that blocked a process are kept away for a while, longer each time."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomUnreachable
from partyrooms.models import Node, RoomRecord
from partyrooms.timezones import as_project

MAX_PAUSE = 60
"""Seconds; the first pause is 1 s, and each further one twice as long up to this."""


def quarantine(key: RoomKey, node: UUID, *, database: str) -> None:
    """
    Keep a room away, and declare its owner dead: that process is about to end.

    The pause follows the wall clock. It decides only when the room starts again, not
    who owns it.
    """
    rooms = RoomRecord.objects.using(database)
    row = rooms.get(party=key.party, room_id=key.room_id)
    pause = min(2**row.blocked_count, MAX_PAUSE)
    rooms.filter(pk=row.pk).update(
        blocked_count=row.blocked_count + 1,
        quarantined_until=now() + timedelta(seconds=pause),
    )
    Node.objects.using(database).filter(pk=node).update(state=Node.State.DEAD)


def not_quarantined(at: datetime, room: str = "") -> Q:
    """The condition that a room may be claimed; ``room`` leads to it, as "room__"."""
    until = f"{room}quarantined_until"
    return Q(**{until: None}) | Q(**{f"{until}__lte": as_project(at)})


def require_no_quarantine(row: RoomRecord) -> None:
    """
    Let a room be claimed.

    Raises:
        RoomUnreachable: If it is kept away now.
    """
    until = row.quarantined_until
    if until is not None and until > now():
        raise RoomUnreachable(
            f"{row} is kept away until {until:%H:%M:%S}: it has blocked its process "
            f"{row.blocked_count} times. Mend its hooks; a plain def hook, or awaiting "
            "what takes long, blocks nobody."
        )
