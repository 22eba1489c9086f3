"""From an owner to a gateway, or to all that have sockets of a room."""

import msgspec

from partyrooms.core.delivery_log import Delivered
from partyrooms.core.recovery import RecoveryResult
from partyrooms.core.wire.message import Message, Payload


class Joined(Message):
    """The room runs here; what follows is of this epoch."""

    epoch: int


class Refused(Message):
    """The room is not this process's; look again."""


class Accept(Message):
    """Let a socket in."""

    socket: int
    tags: tuple[str, ...]


class Send(Message):
    """Queue a frame at one socket."""

    socket: int
    payload: Payload


class Keep(Message):
    """Keep a socket's state."""

    socket: int
    state: bytes | None


class Close(Message):
    """Close a socket; ``drop``: without wanting to hear of its end."""

    socket: int
    code: int
    reason: str
    drop: bool


class Handled(Message):
    """So many events of this join have been handled."""

    count: int


class Marked(Message):
    """
    A turn of a room whose sockets outlive it; instead of ``Handled``.

    Attributes:
        turn: Its number in this epoch.
        size: How many of the messages that follow belong to it.
        handled: So many events of this join have been handled behind it.
        news: See ``core.delivery_log.Mark``.
    """

    turn: int
    size: int
    handled: int
    news: dict[bytes, Delivered]


class Recovered(Message):
    """The answer to ``RecoverRequest``; ``Join`` may follow."""

    result: RecoveryResult


class Lost(Message):
    """The room was lost here, and with it what was under way."""


class HandedOver(Message):
    """The room is given up; ``asleep``: until the next event nobody runs it."""

    asleep: bool


class Broadcast(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """Queue a frame at each of a room's sockets but those with these ids."""

    party: str
    room_id: str
    epoch: int
    payload: Payload
    without: list[str]


class JoinRequest(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """
    A process has claimed a room and asks for the sockets that it left open.

    Attributes:
        was_displaced: The owner before it died; what it says is not waited for.
    """

    party: str
    room_id: str
    epoch: int
    was_displaced: bool = False
