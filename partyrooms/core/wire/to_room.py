"""From a gateway to an owner."""

from datetime import datetime

from partyrooms.core.delivery_log import Received
from partyrooms.core.frames import Profile
from partyrooms.core.wire.message import Message, Payload, RequestCopy, Seat


class Join(Message):
    """A gateway wants to reach a room through this route, and brings its sockets."""

    party: str
    room_id: str
    seats: list[Seat]


class RecoverRequest(Message):
    """A gateway asks a room's next owner what becomes of what it has of the last."""

    party: str
    room_id: str
    received: Received


class Opened(Message):
    """A socket asks to be let in; ``chain`` is as in ``Asked``."""

    socket: int
    profile: Profile
    request: RequestCopy
    chain: tuple[str, ...] = ()


class Sent(Message):
    """A frame has come."""

    socket: int
    payload: Payload


class SocketFailed(Message):
    """A socket is in trouble and will be closed."""

    socket: int
    kind: str
    detail: str


class Ended(Message):
    """A socket has ended."""

    socket: int
    code: int
    reason: str
    was_clean: bool


class Asked(Message):
    """
    An HTTP request waits for its answer.

    Attributes:
        chain: The rooms that wait for it, each for the next one.
    """

    ask: int
    request: RequestCopy
    chain: tuple[str, ...] = ()


class Called(Message):
    """A call of ``runtime.calls`` waits for its result; ``chain`` as in ``Asked``."""

    ask: int
    name: str
    arguments: bytes
    chain: tuple[str, ...] = ()


class Probe(Message):
    """The last of a chain of rooms waits for this one; no event, and not counted."""

    chain: tuple[str, ...]


class AlarmDue(Message):
    """The room's alarm is due, if it is set to this time or to an earlier one."""

    ask: int
    at: datetime


class StopAsked(Message):
    """The room is to stop, or to be deleted."""

    ask: int
    delete: bool
