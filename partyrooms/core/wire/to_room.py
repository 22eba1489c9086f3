"""From a gateway to an owner."""

from datetime import datetime

from partyrooms.core.frames import Profile
from partyrooms.core.recovery import Past
from partyrooms.core.wire.message import Item, Payload, RequestCopy, Seat


class Join(Item):
    """A gateway wants to reach a room through this route, and brings its sockets."""

    party: str
    room_id: str
    seats: list[Seat]


class Recall(Item):
    """A gateway asks a room's next owner what becomes of what it has of the last."""

    party: str
    room_id: str
    past: Past


class Opened(Item):
    """A socket asks to be let in; ``chain`` is as in ``Asked``."""

    line: int
    profile: Profile
    request: RequestCopy
    chain: tuple[str, ...] = ()


class Sent(Item):
    """A frame has come."""

    line: int
    payload: Payload


class Troubled(Item):
    """A socket is in trouble and will be closed."""

    line: int
    kind: str
    detail: str


class Ended(Item):
    """A socket has ended."""

    line: int
    code: int
    reason: str
    was_clean: bool


class Asked(Item):
    """
    An HTTP request waits for its answer.

    Attributes:
        chain: The rooms that wait for it, each for the next one.
    """

    ask: int
    request: RequestCopy
    chain: tuple[str, ...] = ()


class Called(Item):
    """A call of ``owner.calls`` waits for its result; ``chain`` is as in ``Asked``."""

    ask: int
    name: str
    arguments: bytes
    chain: tuple[str, ...] = ()


class Probe(Item):
    """The last of a chain of rooms waits for this one; no event, and not counted."""

    chain: tuple[str, ...]


class Rung(Item):
    """The room's alarm is due, if it is set to this time or to an earlier one."""

    ask: int
    at: datetime


class StopAsked(Item):
    """The room is to stop, or to be deleted."""

    ask: int
    delete: bool
