"""What an event is: it acts inside a turn, and knows how to fail."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeGuard

from partyrooms.exceptions import PartyroomsError
from partyrooms.ports.cluster import Closing
from partyrooms.runtime.connection import Connection
from partyrooms.runtime.turn import Output, Turn

if TYPE_CHECKING:
    from partyrooms.runtime.life import Life

ROOM_FAILED: Closing = (1011, "the room failed")


class Event(Protocol):
    """
    Something that a room handles in one turn.

    Attributes:
        hook: Its name, for errors.
        connection: Whose event it is, for ``on_exception``; None: nobody's.
        receipt: What leaves last, to say that it was handled, to another process; None:
            it came from this one.
        travels: Whether it can be given to an owner in another process.
    """

    hook: ClassVar[str]
    travels: ClassVar[bool]
    receipt: Output | None

    @property
    def connection(self) -> Connection | None: ...

    @property
    def wakes(self) -> bool:
        """Whether a room that is not running is started for it."""

    def act(self, life: "Life", turn: Turn) -> Awaitable[None]:
        """Run the hook and add to the turn what follows from its outcome."""

    def fail(self, life: "Life", turn: Turn, error: Exception) -> bool:
        """
        Say what leaves instead, for ``act`` raised and its turn was dropped.

        Returns:
            Whether the error is the room's fault and ``on_exception`` is to hear of it.
        """

    def abandon(self, error: Exception) -> None:
        """The room could not be started, or ended before the event's turn came."""


def confirm(event: Event) -> None:
    """Say to the process that it came from that nothing more happens to an event."""
    if event.receipt is not None:
        deliver, what = event.receipt
        deliver(what)


def is_out_of_reach(error: Exception) -> TypeGuard[PartyroomsError]:
    """Whether the room may be had later; else its own code has failed."""
    return isinstance(error, PartyroomsError) and error.status_code == 503
