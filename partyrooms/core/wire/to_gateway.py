"""From a room's owner to a gateway, or to all that have sockets of the room."""

from partyrooms.core.delivery_log import Mark
from partyrooms.core.recovery import RecoveryResult
from partyrooms.core.wire.message import Message, Payload, RouteMessage


class ToGateway(RouteMessage):
    """From a room's owner to one route of a gateway."""


class Joined(ToGateway):
    """The room runs here; what follows is of this epoch."""

    epoch: int


class Refused(ToGateway):
    """The room is not this process's; look again."""


class ToSocket(ToGateway):
    """
    From a room to one socket.

    Attributes:
        socket: The gateway's number of it.
    """

    socket: int


class Accept(ToSocket):
    """Let it in."""

    tags: tuple[str, ...]


class Send(ToSocket):
    """Queue a frame."""

    payload: Payload


class Keep(ToSocket):
    """Keep the connection's state."""

    state: bytes | None


class Close(ToSocket):
    """Close it; ``drop``: and send no ``Ended``."""

    code: int
    reason: str
    drop: bool


class Handled(ToGateway):
    """So many events of this join have been handled."""

    count: int


class Marked(ToGateway):
    """
    A turn of a room whose sockets outlive it; instead of ``Handled``.

    Attributes:
        mark: What the gateway needs if the owner dies.
        size: How many of the messages that follow belong to it.
    """

    mark: Mark
    size: int


class Recovered(ToGateway):
    """The answer to ``RecoverRequest``; ``Join`` may follow."""

    result: RecoveryResult


class Lost(ToGateway):
    """The room was lost here, and with it what was under way."""


class HandedOver(ToGateway):
    """The room is given up; ``asleep``: until the next event nobody runs it."""

    asleep: bool


class Announcement(Message):
    """
    From a room's owner to processes that may have sockets of it, by no route.

    Attributes:
        party: The room's.
        room_id: The room's.
        epoch: The owner's.
    """

    party: str
    room_id: str
    epoch: int


class Broadcast(Announcement):
    """Queue a frame at each of the room's sockets but those with these ids."""

    payload: Payload
    without: list[str]


class JoinRequest(Announcement):
    """
    A process has claimed the room and asks for the sockets that it left open.

    Attributes:
        was_displaced: The owner before it died; its messages are not waited for.
    """

    was_displaced: bool = False
