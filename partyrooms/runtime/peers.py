"""A room's sockets and gateways in other processes, as its life sees them."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from partyrooms.core.recovery import RecoveryResult
from partyrooms.ports.records import Claim
from partyrooms.ports.sockets import Broadcast, Socket
from partyrooms.runtime.turn import Turn


class DeliveryLog(Protocol):
    """How far a room's gateways in other processes have come, turn by turn."""

    @property
    def is_stale(self) -> bool:
        """Whether it is to be stored, whatever is written."""

    def enter(self, subscription: Any) -> None:
        """A gateway is served from now on."""

    def close(self, turn: Turn) -> None:
        """A turn has ended; what it says may be put between other outputs."""

    def interrupt(self, turn: Turn) -> None:
        """A part of a turn is being stored before its end."""

    def expect_more(self) -> None:
        """Each gateway is to be told something yet that belongs to no turn."""

    def progress(self, *, is_final: bool = False) -> bytes | None:
        """What is to be stored with the next commit, or the release; None: nothing."""

    def not_stored(self) -> None:
        """What ``progress`` gave last was not stored."""


class Audience(Protocol):
    """All accepted sockets of one room, wherever they are."""

    def open(self, claim: Claim, *, hibernates: bool) -> DeliveryLog | None:
        """
        A life begins, with the sockets that are here now.

        Returns:
            Who is to be told of its turns, for the sockets outlive it; None: nobody.
        """

    def close(self) -> None:
        """The life is over."""

    def broadcast(self, broadcast: Broadcast) -> None:
        """Queue a frame at each socket but those whose ids are left out."""

    def sockets(self) -> Iterable[Socket]:
        """Every socket, in the order in which they were accepted."""


class RemoteGateway(Protocol):
    """
    A gateway in another process that has joined the room.

    Attributes:
        sockets: Its sockets in the room, by its own numbers.
        is_open: It knows of the room's present life.
    """

    is_open: bool

    @property
    def sockets(self) -> Mapping[int, Socket]: ...

    def open(self, epoch: int) -> None:
        """The room runs here, in this epoch."""

    def turn_away(self) -> None:
        """The room cannot be run here."""


class RecoveringGateway(Protocol):
    """A gateway that has something of an owner which is gone."""

    def resolve(self, result: RecoveryResult) -> None:
        """Say what becomes of it; once."""

    def turn_away(self) -> None:
        """The room is not here: it is to ask elsewhere."""
