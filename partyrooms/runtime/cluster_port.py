"""What the rooms and gateways of one process need of a cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from uuid import UUID

from partyrooms.core.frames import Answer
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.ports.records import Claim
from partyrooms.ports.rooms import RoomInbox
from partyrooms.runtime.events import Event
from partyrooms.runtime.peers import Audience


class Cluster(Protocol):
    """
    Finds rooms for gateways and gateways for rooms.

    Attributes:
        known: Set once other processes can place rooms in this one.
    """

    known: asyncio.Event

    @property
    def takes_rooms(self) -> bool:
        """Whether this process may own rooms."""

    @property
    def has_peers(self) -> bool:
        """Whether rooms may be in other processes at all."""

    def start(self) -> None:
        """Begin to serve; called once, on the node's event loop."""

    async def wait_for_others(self, patience: float) -> None:
        """
        Wait until another process could take this one's rooms.

        Not where nobody would notice: no socket in another process is open.

        Args:
            patience: Seconds to wait at most.
        """

    def is_outlived(self, key: RoomKey) -> bool:
        """Whether a room's sockets may stay open when this process ends."""

    async def stop_taking_rooms(self) -> None:
        """Let nobody place rooms in this process any more."""

    def close(self) -> None:
        """Reach nobody any more: sockets whose rooms are elsewhere get 1012."""

    def inbox(self, key: RoomKey) -> RoomInbox:
        """The way into a room; nothing is started before the first event."""

    def audience(self, key: RoomKey) -> Audience:
        """The way to all sockets of a room."""

    def local_audience(self, key: RoomKey) -> LocalAudience:
        """The room's sockets in this process, for gateways to join."""

    def attach(self, socket: LocalSocket) -> None:
        """A gateway has made a socket's outbox."""

    async def take_over(self, key: RoomKey, claim: Claim) -> None:
        """Before a life begins: let everybody with sockets in the room join it."""

    def named(self, key: RoomKey) -> list[UUID] | None:
        """The nodes that a claim of the room names; see ``Store.claim``."""

    def gateways(self, key: RoomKey) -> list[UUID]:
        """The nodes that have sockets of a room open, for its next owner."""

    def seats(self, key: RoomKey) -> dict[UUID | None, bytes]:
        """Who is connected to a room by each node, as stored; None: by this one."""

    def release(self, key: RoomKey, *, asleep: bool, waiting: list[Event]) -> None:
        """
        After a life has ended and the room was given up: let everybody know.

        Args:
            key: The room.
            asleep: Nobody is to run it before its next event.
            waiting: Events that were not handled, for the next owner.
        """

    def lose(self, key: RoomKey) -> None:
        """A life was lost: what was under way may or may not have happened."""

    def refuse(self, key: RoomKey, waiting: list[Event], error: Exception) -> None:
        """The room cannot be started here, for another process has it, or may."""

    @property
    def everywhere(self) -> Callable[[str, Mapping[str, Any]], Awaitable[list[Any]]]:
        """Has one of ``runtime.everywhere`` done in all processes; their answers."""

    async def flush(self) -> None:
        """Wait until everything that was sent to other processes has arrived."""

    async def request(self, key: RoomKey, request: Any) -> Answer:
        """
        Ask a room and wait for its answer. Cancelling stops the wait, not the room.

        Raises:
            RoomUnreachable: If the room cannot be run here, or takes no more events.
        """
