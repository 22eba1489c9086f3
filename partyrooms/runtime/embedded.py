"""What a node leaves alone whose process serves nobody: a command's, a task queue's."""

from typing import TYPE_CHECKING

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomElsewhere

if TYPE_CHECKING:
    from partyrooms.ports.records import Place
    from partyrooms.server.node import Node


async def serving_place(node: "Node") -> "Place | None":
    """
    A process that serves rooms; None: there is none.

    Raises:
        StoreUnavailable: If the database did not answer.
    """
    places = await node.store.places()
    return next((one for one in places if one.takes_rooms), None)


async def is_spare(node: "Node") -> bool:
    """
    Whether alarms and crons are another process's to begin.

    Raises:
        StoreUnavailable: If the database did not answer.
    """
    return node.is_embedded and await serving_place(node) is not None


async def require_no_server(node: "Node", key: RoomKey) -> None:
    """
    Let a guest that reaches nobody run a room only if nobody else would.

    Raises:
        RoomElsewhere: If a process serves rooms that this one cannot reach: a room here
            would be out of reach for its clients.
    """
    if not node.is_embedded or node.cluster.has_peers:
        return
    place = await serving_place(node)
    if place is not None:
        raise RoomElsewhere(
            f"{key} belongs into process {place.pid} (host {place.host}), which serves "
            "rooms and cannot be reached from here. Give both processes the same "
            "channel layer on Redis or Valkey (CHANNEL_LAYERS, "
            "PARTYROOMS['CHANNEL_LAYER'])."
        )
