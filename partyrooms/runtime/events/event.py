"""What an event is: it acts inside a turn, and knows how to fail."""

from collections.abc import Awaitable
from typing import Any, ClassVar, TypeGuard

import msgspec

from partyrooms.exceptions import PartyroomsError
from partyrooms.ports.rooms import Chain
from partyrooms.ports.sockets import Closing, Socket
from partyrooms.runtime.connection import Connection
from partyrooms.runtime.life import Life
from partyrooms.runtime.turn import Output, Turn

ROOM_FAILED: Closing = (1011, "the room failed")


class Event(msgspec.Struct, eq=False, kw_only=True):
    """
    Something that a room handles in one turn.

    Attributes:
        hook: Its name, for errors.
        travels: Whether it can be given to an owner in another process.
        receipt: What is said last, to tell the process that it came from that it was
            handled; None: it came from this one.
        chain: The rooms that wait for it to end, each for the next one.
    """

    hook: ClassVar[str]
    travels: ClassVar[bool] = False

    receipt: Output | None = None
    chain: Chain = ()

    def wakes(self) -> bool:
        """Whether a room that is not running is started for it."""
        return True

    def client(self) -> Socket | None:
        """The socket that it is about; None: it is about none."""
        return None

    def origin(self, life: Life) -> tuple[Connection | None, Any]:
        """The connection and the request that it comes from; None: from none."""
        return None, None

    def act(self, life: Life, turn: Turn) -> Awaitable[None]:
        """Run the hook and add to the turn what follows from its outcome."""
        raise NotImplementedError

    def fail(self, life: Life, turn: Turn, error: Exception) -> bool:
        """
        Say what leaves instead, for ``act`` raised and its turn was dropped.

        Returns:
            Whether the error is the room's fault and ``on_exception`` is called.
        """
        return True

    def abandon(self, error: Exception) -> None:
        """The room could not be started, or ended before the event's turn came."""


async def nothing() -> None:
    """What there is to do where it is too late."""


def confirm(event: Event) -> None:
    """Tell the process that an event came from that nothing more happens to it."""
    if event.receipt is not None:
        deliver, what, _ = event.receipt
        deliver(what)


def is_sent_again(event: Event) -> bool:
    """Whether its gateway was turned away, and brings it to the next owner."""
    return event.receipt is not None and not event.receipt[1].is_current


def is_out_of_reach(error: Exception) -> TypeGuard[PartyroomsError]:
    """Whether the room may be had later; else its own code has failed."""
    return isinstance(error, PartyroomsError) and error.status_code == 503
