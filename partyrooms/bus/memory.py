"""The bus of one process: rooms and sockets meet by function call."""

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from partyrooms.bus.contract import Audience, Inlet
from partyrooms.core.keys import RoomKey
from partyrooms.core.messages import Answer
from partyrooms.gateway.audience import LocalAudience

if TYPE_CHECKING:
    from partyrooms.owner.node import Node


class MemoryBus:
    """
    A ``Bus`` whose rooms are all in its own process; nothing is ever encoded.

    Args:
        node: What runs the rooms.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._audiences: WeakValueDictionary[RoomKey, LocalAudience] = (
            WeakValueDictionary()
        )

    def inlet(self, key: RoomKey) -> "Inlet":
        """The room's worker, kept alive by its users while the room is not running."""
        return self._node.worker(key)

    def audience(self, key: RoomKey) -> Audience:
        """The room's sockets, which are all here."""
        return self.local_audience(key)

    def local_audience(self, key: RoomKey) -> LocalAudience:
        """The room's sockets; their users keep it alive."""
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = LocalAudience()
        return audience

    async def request(self, key: RoomKey, request: Any) -> Answer:
        """Ask a room and wait for its answer."""
        return await self._node.worker(key).request(request)
