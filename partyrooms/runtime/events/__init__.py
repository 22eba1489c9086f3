"""What can happen to a room."""

from partyrooms.runtime.events.event import ROOM_FAILED, Event, confirm, is_sent_again
from partyrooms.runtime.events.gateways import (
    LOST_OUTPUTS,
    Arrival,
    End,
    NoOp,
    Recover,
    Unreadable,
)
from partyrooms.runtime.events.requests import Call, Request
from partyrooms.runtime.events.sockets import (
    OTHER_USER,
    ROOM_FULL,
    Closed,
    Connect,
    Message,
    SocketError,
)
from partyrooms.runtime.events.timer import TimerEvent

__all__ = [
    "LOST_OUTPUTS",
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
    "NoOp",
    "Recover",
    "Request",
    "SocketError",
    "TimerEvent",
    "Unreadable",
    "confirm",
    "is_sent_again",
]
