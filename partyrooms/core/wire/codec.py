"""The only codec of items and of the parcels that they travel in."""

from typing import Any

import msgspec

from partyrooms.core.wire.message import Item
from partyrooms.core.wire.replies import (
    Answered,
    Failed,
    Granted,
    Reply,
    Returned,
    Streamed,
    StreamLeft,
    StreamOver,
)
from partyrooms.core.wire.to_gateway import (
    Accept,
    Broadcast,
    Close,
    HandedOver,
    Handled,
    Joined,
    Keep,
    Lost,
    Marked,
    Refused,
    Send,
    Settled,
    Who,
)
from partyrooms.core.wire.to_room import (
    Asked,
    Called,
    Ended,
    Join,
    Opened,
    Probe,
    Recall,
    Rung,
    Sent,
    StopAsked,
    Troubled,
)

FORMAT = 2
"""Changes when an older process would misread a message; it then drops it."""

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
