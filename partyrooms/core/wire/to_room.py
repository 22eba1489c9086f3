"""From a gateway's route to the room's owner."""

from datetime import datetime

import msgspec

from partyrooms.core.delivery_log import Received
from partyrooms.core.frames import Profile
from partyrooms.core.wire.message import Payload, RequestCopy, RouteMessage


class ToRoom(RouteMessage):
    """From a gateway to a room's owner."""


class Seat(msgspec.Struct, kw_only=True, array_like=True):
    """An accepted socket: the gateway's number for it, and what is known of it."""

    socket: int
    profile: Profile


class Entry(ToRoom):
    """A gateway wants to reach this room through this route."""

    party: str
    room_id: str


class Join(Entry):
    """It brings its sockets, and events follow."""

    seats: list[Seat]


class RecoverRequest(Entry):
    """It was served by the room's last owner, and waits for a decision first."""

    received: Received


class FromSocket(ToRoom):
    """
    From one socket to its room.

    Attributes:
        socket: The gateway's number of it.
    """

    socket: int


class Opened(FromSocket):
    """It asks to be let in; ``chain`` is as in ``Requested``."""

    profile: Profile
    request: RequestCopy
    chain: tuple[str, ...] = ()


class Sent(FromSocket):
    """A frame has come."""

    payload: Payload


class SocketFailed(FromSocket):
    """It is in trouble and will be closed."""

    kind: str
    detail: str


class Ended(FromSocket):
    """It has ended."""

    code: int
    reason: str
    was_clean: bool


class Awaited(ToRoom):
    """
    What somebody at the gateway awaits a reply to.

    Attributes:
        request_id: The gateway's number of it, which the replies carry.
    """

    request_id: int


class Requested(Awaited):
    """
    An HTTP request waits for its answer.

    Attributes:
        chain: The rooms that wait for it, each for the next one.
    """

    request: RequestCopy
    chain: tuple[str, ...] = ()


class Called(Awaited):
    """A call of ``runtime.calls``; ``chain`` is as in ``Requested``."""

    name: str
    arguments: bytes
    chain: tuple[str, ...] = ()


class AlarmDue(Awaited):
    """The room's alarm is due, if it is set to this time or to an earlier one."""

    at: datetime


class StopRequested(Awaited):
    """The room is to stop, or to be deleted."""

    delete: bool


class Probe(ToRoom):
    """The last of a chain of rooms waits for this one; no event, and not counted."""

    chain: tuple[str, ...]
