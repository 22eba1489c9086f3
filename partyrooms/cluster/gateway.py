"""A gateway that has joined a room, as the room's audience knows it."""

from typing import Any, Protocol

from partyrooms.cluster.link import Link
from partyrooms.core.delivery_log import Mark
from partyrooms.core.wire.to_gateway import ToGateway
from partyrooms.runtime.peers import RemoteGateway


class Gateway(RemoteGateway, Protocol):
    """
    One route of a gateway in another process.

    Attributes:
        link: The link with its process.
        join: The route's count of its joins.
        handled_count: How many events of this join were handled.
    """

    link: Link
    join: int
    handled_count: int

    def part(self, kind: type[ToGateway], **values: Any) -> None:
        """Send why the room is not the route's any more, as the last message."""

    def mark(self, mark: Mark, size: int) -> None:
        """A turn begins; so many messages of it follow."""
