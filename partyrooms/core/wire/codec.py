"""The only codec of messages and of the envelopes that they travel in."""

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from partyrooms.core.wire import replies, to_gateway, to_room
from partyrooms.core.wire.message import Message

FORMAT = 4
"""Changes when an older process would misread a message; it then drops it."""


Positions = dict[bytes, tuple[int, int]]
"""
For each receiver: the link's generation, and the number up to which the sender has what
that receiver sent.
"""

NumberedMessage = tuple[dict[bytes, int], bytes]
"""A message, and its number on the link to each receiver that it is for."""


class Envelope(msgspec.Struct, kw_only=True, array_like=True):
    """
    One message of the layer, from one process to one or several others.

    Attributes:
        format: See ``FORMAT``.
        sender: The node's id.
        channel: Where the sender is reached.
        links: How far each receiver's link is.
        messages: What is sent, in order.
    """

    format: int = FORMAT
    sender: bytes
    channel: str
    links: Positions
    messages: list[NumberedMessage]


def _kinds(base: type[Message]) -> list[type[Message]]:
    """Each kind of message that is no mere base of others."""
    found = [kind for child in base.__subclasses__() for kind in _kinds(child)]
    return found or [base]


_BASES = (
    to_room.ToRoom,
    to_gateway.ToGateway,
    to_gateway.Announcement,
    replies.AboutRequest,
)
_encoder = msgspec.msgpack.Encoder()
_message_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
    reduce(or_, (kind for base in _BASES for kind in _kinds(base)))
)
_envelope_decoder = msgspec.msgpack.Decoder(Envelope)


def encode_message(message: Message) -> bytes:
    """A message as bytes."""
    return _encoder.encode(message)


def decode_message(data: bytes) -> Any:
    """
    Make a message of its bytes.

    Raises:
        msgspec.DecodeError: If they are none of this version's.
    """
    return _message_decoder.decode(data)


def encode_envelope(envelope: Envelope) -> bytes:
    """An envelope as bytes."""
    return _encoder.encode(envelope)


def decode_envelope(data: bytes) -> Envelope | None:
    """Make an envelope of its bytes; None: they are none of this version's."""
    try:
        envelope = _envelope_decoder.decode(data)
    except msgspec.DecodeError:
        return None
    return envelope if envelope.format == FORMAT else None
