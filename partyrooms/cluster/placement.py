"""Where a room runs: at its owner, else here, else at the worker that a hash names."""

from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomUnreachable
from partyrooms.ports.records import Place

if TYPE_CHECKING:
    from partyrooms.cluster.cluster import LayerCluster


def rendezvous(key: RoomKey, nodes: list[UUID]) -> UUID:
    """
    The node that a room belongs to: the one with the highest hash of both.

    A node that comes takes only the rooms that are its own now; one that goes leaves
    only those that were (Thaler and Ravishankar, "rendezvous hashing").
    """
    text = str(key).encode()
    return max(nodes, key=lambda node: sha256(node.bytes + text).digest())


class Placement:
    """
    Chooses owners for one process's routes.

    Args:
        cluster: Has the store, the peers and the workers.
        owners: ``"any"`` or ``"workers"``.
        takes_rooms: Whether this process may own rooms.
    """

    def __init__(
        self, cluster: "LayerCluster", *, owners: str, takes_rooms: bool
    ) -> None:
        self.takes_rooms = takes_rooms
        self._cluster = cluster
        self._owners = owners

    async def choose(self, key: RoomKey) -> Any:
        """
        Who is to be asked for a room: a worker of this process, or a peer.

        Raises:
            RoomUnreachable: If nobody can own it; the text says what to start.
            StoreUnavailable: If the database did not answer.
        """
        store = self._cluster.environment.store
        owner = await store.locate(key)
        if owner is None and self._owners == "any" and self.takes_rooms:
            able = await self._able() if self._cluster.environment.is_embedded else {}
            if not able:
                return self._cluster.rooms.worker(key)
            owner = able[rendezvous(key, list(able))]
        if owner is None:
            owner = await self._elect(key)
        if owner.node == self._cluster.node_id:
            return self._cluster.rooms.worker(key)
        if not owner.channel:
            raise RoomUnreachable(
                f"{key} is owned by process {owner.pid}, which has no channel layer; "
                "give every process the same CHANNEL_LAYERS, or stop that one."
            )
        return self._cluster.link_to(owner)

    async def _elect(self, key: RoomKey) -> Place:
        able = await self._able()
        if not able:
            raise RoomUnreachable(
                f"No process can own {key}: OWNERS is {self._owners!r} and no worker "
                "is alive. Start one with `manage.py runrooms`."
            )
        return able[rendezvous(key, list(able))]

    async def _able(self) -> dict[UUID, Place]:
        places = await self._cluster.environment.store.places()
        return {one.node: one for one in places if one.channel and one.takes_rooms}
