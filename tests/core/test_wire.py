"""What processes send to one another, as bytes and back."""

import msgspec
import pytest

from partyrooms.core.wire.codec import (
    FORMAT,
    Envelope,
    decode_envelope,
    decode_message,
    encode_envelope,
    encode_message,
)
from partyrooms.core.wire.message import Message
from partyrooms.core.wire.to_gateway import Close, Refused, Send


def kinds(base):
    """Every kind of message, but for those that are bases of others."""
    children = base.__subclasses__()
    return [kind for one in children for kind in kinds(one)] if children else [base]


@pytest.mark.parametrize("kind", kinds(Message), ids=lambda kind: kind.__name__)
def test_every_kind_of_message_can_be_read(kind):
    """The codec knows it by its name, and misses only its fields."""
    data = msgspec.msgpack.encode([kind.__name__])

    with pytest.raises(msgspec.ValidationError, match="of at least length"):
        decode_message(data)


def test_a_message_that_is_none_of_these_is_refused():
    """The envelope's format differs between versions that differ in kinds."""
    with pytest.raises(msgspec.ValidationError):
        decode_message(msgspec.msgpack.encode(["Nonsense", 1, 1]))


@pytest.mark.parametrize(
    "message",
    [
        Refused(route=1, join=2),
        Send(route=1, join=2, socket=3, payload="é"),
        Send(route=1, join=2, socket=3, payload=b"\xff"),
        Close(route=1, join=2, socket=3, code=4000, reason="bye", drop=True),
    ],
)
def test_a_message_comes_back_as_it_was(message):
    """Text as text, and bytes as bytes."""
    assert decode_message(encode_message(message)) == message


def test_an_envelope_of_another_version_is_dropped():
    """An older process would misread what is in it."""
    envelope = Envelope(sender=b"a", channel="a", links={}, messages=[])
    assert decode_envelope(encode_envelope(envelope)) == envelope

    other = msgspec.structs.replace(envelope, format=FORMAT + 1)

    assert decode_envelope(encode_envelope(other)) is None
    assert decode_envelope(b"nonsense") is None
