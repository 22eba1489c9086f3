"""From an owner to a gateway, or to all that have sockets of a room."""

import msgspec

from partyrooms.core.recovery import Reach, Settlement
from partyrooms.core.wire.message import Item, Payload


class Joined(Item):
    """The room runs here; what follows is of this epoch."""

    epoch: int


class Refused(Item):
    """The room is not this process's; look again."""


class Accept(Item):
    """Let a socket in."""

    line: int
    tags: tuple[str, ...]


class Send(Item):
    """Queue a frame at one socket."""

    line: int
    payload: Payload


class Keep(Item):
    """Keep a socket's state."""

    line: int
    state: bytes | None


class Close(Item):
    """Close a socket; ``drop``: without wanting to hear of its end."""

    line: int
    code: int
    reason: str
    drop: bool


class Handled(Item):
    """So many events of this join have been handled."""

    count: int


class Marked(Item):
    """
    A turn of a room whose sockets outlive it; instead of ``Handled``.

    Attributes:
        turn: Its number in this epoch.
        size: How many of the items that follow belong to it.
        handled: So many events of this join have been handled behind it.
        news: See ``core.progress.Mark``.
    """

    turn: int
    size: int
    handled: int
    news: dict[bytes, Reach]


class Settled(Item):
    """The answer to ``Recall``; ``Join`` may follow."""

    settlement: Settlement


class Lost(Item):
    """The room was lost here, and with it what was under way."""


class HandedOver(Item):
    """The room is given up; ``asleep``: until the next event nobody runs it."""

    asleep: bool


class Broadcast(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """Queue a frame at each of a room's sockets but those with these ids."""

    party: str
    room_id: str
    epoch: int
    payload: Payload
    without: list[str]


class Who(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """
    A process has claimed a room and asks for the sockets that it left open.

    Attributes:
        was_displaced: The owner before it died; what it says is not waited for.
    """

    party: str
    room_id: str
    epoch: int
    was_displaced: bool = False
