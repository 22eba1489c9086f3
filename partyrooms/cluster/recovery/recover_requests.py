"""Gateways that report how far a dead owner served them, and await a decision."""

from collections.abc import Callable
from typing import Protocol

from partyrooms.cluster.link import Link
from partyrooms.core.delivery_log import Received
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import RecoveryResult
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.to_gateway import Recovered, Refused, ToGateway
from partyrooms.core.wire.to_room import RecoverRequest
from partyrooms.runtime.events import Recover
from partyrooms.runtime.peers import RecoveringGateway
from partyrooms.runtime.worker import Worker


class ReportingGateway(RecoveringGateway, Protocol):
    """A gateway that was served by an owner which is gone."""

    @property
    def node(self) -> bytes:
        """Its process."""

    @property
    def received(self) -> Received:
        """How far it was served."""


class RemoteReport:
    """
    A ``ReportingGateway`` in another process.

    Args:
        link: The link with the process.
        message: Its report.
    """

    def __init__(self, link: Link, message: RecoverRequest) -> None:
        self.node = link.node
        self.received = message.received
        self._link = link
        self._address = {"route": message.route, "join": message.join}
        self._is_answered = False

    def resolve(self, result: RecoveryResult) -> None:
        """Send it what was decided, unless it has that."""
        self._answer(Recovered(**self._address, result=result))

    def turn_away(self) -> None:
        """Let it ask elsewhere."""
        self._answer(Refused(**self._address))

    def _answer(self, message: ToGateway) -> None:
        if not self._is_answered:
            self._is_answered = True
            self._link.post(encode_message(message))


class RecoverRequests:
    """
    The gateways that wait for this process's rooms, by room.

    Args:
        worker: Gives a room's worker.
    """

    def __init__(self, worker: Callable[[RoomKey], Worker]) -> None:
        self._worker = worker
        self._waiting: dict[RoomKey, dict[bytes, ReportingGateway]] = {}

    def add(self, key: RoomKey, gateway: ReportingGateway) -> None:
        """Remember one, and let the room start for it."""
        self._waiting.setdefault(key, {})[gateway.node] = gateway
        self._worker(key).put(Recover(gateway))

    def take(self, key: RoomKey) -> dict[bytes, ReportingGateway]:
        """Those of a room, which wait no longer."""
        return self._waiting.pop(key, {})

    def nodes(self, key: RoomKey) -> set[bytes]:
        """Where those of a room are."""
        return set(self._waiting.get(key, ()))

    def turn_away(self, key: RoomKey) -> None:
        """The room is not here."""
        for gateway in self.take(key).values():
            gateway.turn_away()
