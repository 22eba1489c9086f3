"""What can happen to a room."""

from partyrooms.owner.events.event import ROOM_FAILED, Event, confirm
from partyrooms.owner.events.peers import LATE, Arrival, End, Recall, Void
from partyrooms.owner.events.questions import Call, Request
from partyrooms.owner.events.sockets import (
    OTHER_USER,
    ROOM_FULL,
    Closed,
    Connect,
    Message,
    Trouble,
)

__all__ = [
    "LATE",
    "OTHER_USER",
    "ROOM_FAILED",
    "ROOM_FULL",
    "Arrival",
    "Call",
    "Closed",
    "Connect",
    "End",
    "Event",
    "Message",
    "Recall",
    "Request",
    "Trouble",
    "Void",
    "confirm",
]
