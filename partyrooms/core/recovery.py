"""
What becomes of sockets whose owner has died, decided from the delivery logs.

The logs are what the room's row holds and what each gateway has received; see
``core.delivery_log``.
"""

from collections.abc import Mapping

import msgspec

from partyrooms.core.delivery_log import Delivered, Progress, Received


class RecoveryResult(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """
    What becomes of a gateway's past.

    Attributes:
        handled: How many events of the join were handled; the others were not.
        is_lost: Something sent to the gateway may have been lost: its sockets are
            closed, and what it had sent is not sent again.
    """

    handled: int
    is_lost: bool


NOT_RECOVERED = RecoveryResult(handled=0, is_lost=True)


def decide(
    stored: Progress | None, reports: Mapping[bytes, Received], *, is_complete: bool
) -> dict[bytes, RecoveryResult]:
    """
    Decide what becomes of each gateway that comes from an owner which is gone.

    Args:
        stored: What the room's row holds; None: nothing was ever stored.
        reports: What the gateways have, by their nodes.
        is_complete: No other gateway can have anything of that owner.
    """
    epochs = [one.epoch for one in reports.values()]
    epoch = max([*epochs, 0 if stored is None else stored.epoch])
    if stored is None or stored.epoch != epoch:
        stored = Progress(epoch=epoch, turn=0, is_final=False, delivered={})
    if not (is_complete or stored.is_final):
        return dict.fromkeys(reports, NOT_RECOVERED)
    end, delivered = stored.turn, stored.delivered
    for received in reports.values():
        if received.epoch == epoch and received.touched > end:
            end, delivered = received.touched, received.delivered
    return {
        node: _decide(received, epoch, delivered.get(node))
        for node, received in reports.items()
    }


def _decide(
    received: Received, epoch: int, delivered: Delivered | None
) -> RecoveryResult:
    if received.epoch not in (0, epoch):
        return NOT_RECOVERED  # An owner in between may have served others.
    if (delivered is None or delivered.join < received.join) and not received.touched:
        # If it was served at all, nobody has seen any of it.
        return RecoveryResult(handled=0, is_lost=False)
    if (
        delivered is None
        or delivered.join != received.join
        or delivered.last > received.seen
    ):
        return NOT_RECOVERED
    return RecoveryResult(handled=delivered.handled, is_lost=False)


_encoder = msgspec.msgpack.Encoder()

_decoder = msgspec.msgpack.Decoder(Progress)


def encode_progress(progress: Progress) -> bytes:
    """As a room's row holds it."""
    return _encoder.encode(progress)


def decode_progress(data: bytes | None) -> Progress | None:
    """What a room's row holds; None: nothing, or nothing of this version's."""
    if not data:
        return None
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError:
        return None
