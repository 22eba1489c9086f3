"""What travels on a link between a gateway and an owner, and the only codec for it."""

from datetime import datetime
from typing import Any

import msgspec

from partyrooms.core.messages import Answer, Profile
from partyrooms.core.progress import Past, Reach, Settlement

Payload = Any
"""``str`` or ``bytes``: MessagePack tells them apart, msgspec's types cannot."""

FORMAT = 2
"""Changes when an older process would misread a message; it then drops it."""


class Item(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """
    One thing said on a link.

    Attributes:
        route: The gateway's number of its way to a room.
        join: Which attempt to reach an owner on that route it belongs to.
    """

    route: int
    join: int


class RequestCopy(msgspec.Struct, kw_only=True):
    """
    A request as another process needs it to make the same one.

    Attributes:
        method: In capitals.
        path: Percent-decoded, with the mount prefix.
        raw_path: As it was sent.
        query: The query string as it was sent.
        scheme: ``http`` or ``https``.
        headers: Names in lower case, and values, in order.
        client: Address and port; None: unknown.
        meta: What middleware and hooks changed or added, in ``META``'s names.
        user_id: The Django user's primary key as text; None: nobody.
        props: What the before-hook passed on.
        body: The body.
        subpath: What follows the room id.
    """

    method: str
    path: str
    raw_path: bytes
    query: bytes
    scheme: str
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int] | None = None
    meta: dict[str, str] = {}
    user_id: str | None = None
    props: dict[str, Any] = {}
    body: bytes = b""
    subpath: str = ""


class Seat(msgspec.Struct, kw_only=True, array_like=True):
    """An accepted socket: the gateway's number for it, and what is known of it."""

    line: int
    profile: Profile


# From a gateway to an owner


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


# From an owner to a gateway


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


class Reply(msgspec.Struct, kw_only=True, array_like=True, tag=True):
    """
    What became of a question, whatever became of the route since.

    Attributes:
        ask: The gateway's number of the question.
    """

    ask: int


class Answered(Reply):
    """An answer to ``Asked``."""

    answer: Answer


class Returned(Reply):
    """The result of ``Called`` or ``StopAsked``, as JSON."""

    result: bytes


class Streamed(Reply):
    """More of the stream that ``Answered`` has promised."""

    data: bytes


class StreamOver(Reply):
    """A stream has ended; ``failed``: before its generator did."""

    failed: bool


class Granted(Reply):
    """From the reader of a stream: so many bytes more may come."""

    size: int


class StreamLeft(Reply):
    """From the reader of a stream: it reads no further."""


class Failed(Reply):
    """
    ``Asked``, ``Called`` or ``StopAsked`` came to nothing.

    Attributes:
        error: The name of the exception's class.
        text: What it says.
        kind: What a method raised, where ``error`` is ``CallFailed``.
    """

    error: str
    text: str
    kind: str = ""


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


AnyItem = (
    Join
    | Recall
    | Opened
    | Sent
    | Troubled
    | Ended
    | Asked
    | Called
    | Probe
    | Rung
    | StopAsked
    | Joined
    | Refused
    | Accept
    | Send
    | Keep
    | Close
    | Handled
    | Marked
    | Settled
    | Answered
    | Returned
    | Streamed
    | StreamOver
    | Granted
    | StreamLeft
    | Failed
    | Lost
    | HandedOver
    | Broadcast
    | Who
)


class Parcel(msgspec.Struct, kw_only=True, array_like=True):
    """
    One message of the layer, from one process to one or several others.

    Attributes:
        format: See ``FORMAT``.
        sender: The node's id.
        channel: Where the sender is reached.
        links: For each receiver: the link's generation, and the number up to which
            the sender has what that receiver sent.
        items: Each item, with its number on the link to each receiver it is for.
    """

    format: int
    sender: bytes
    channel: str
    links: dict[bytes, tuple[int, int]]
    items: list[tuple[dict[bytes, int], bytes]]


_encoder = msgspec.msgpack.Encoder()
_item_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyItem)
_parcel_decoder = msgspec.msgpack.Decoder(Parcel)


def encode_item(item: Item | Reply | Broadcast | Who) -> bytes:
    """An item as bytes."""
    return _encoder.encode(item)


def decode_item(data: bytes) -> Any:
    """
    Make an item of its bytes.

    Raises:
        msgspec.DecodeError: If they are none of this version's.
    """
    return _item_decoder.decode(data)


def encode_parcel(parcel: Parcel) -> bytes:
    """A parcel as bytes."""
    return _encoder.encode(parcel)


def decode_parcel(data: bytes) -> Parcel | None:
    """Make a parcel of its bytes; None: they are none of this version's."""
    try:
        parcel = _parcel_decoder.decode(data)
    except msgspec.DecodeError:
        return None
    return parcel if parcel.format == FORMAT else None
