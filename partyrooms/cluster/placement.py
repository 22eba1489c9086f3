"""Where a room runs: at its owner, else here, else at the worker that a hash names."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from partyrooms.cluster.link import Link
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomUnreachable
from partyrooms.ports.records import Place
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.room_table import RoomTable
from partyrooms.runtime.worker import Worker


def rendezvous(key: RoomKey, nodes: list[UUID]) -> UUID:
    """
    The node that a room belongs to: the one with the highest hash of both.

    A node that comes takes only the rooms that are its own now; one that goes leaves
    only those that were (Thaler and Ravishankar, "rendezvous hashing").
    """
    text = str(key).encode()
    return max(nodes, key=lambda node: sha256(node.bytes + text).digest())


@dataclass(slots=True, kw_only=True)
class Placement:
    """
    Chooses owners for one process's routes.

    Attributes:
        environment: What this process's rooms share.
        rooms: This process's rooms.
        node_id: This process's id.
        link_to: Gives the link with the process of a place.
        owners: ``"any"`` or ``"workers"``.
        takes_rooms: Whether this process may own rooms.
    """

    environment: Environment
    rooms: RoomTable
    node_id: UUID
    link_to: Callable[[Place], Link]
    owners: str
    takes_rooms: bool

    async def choose(self, key: RoomKey) -> Worker | Link:
        """
        Who is to be asked for a room: a worker of this process, or another process.

        Raises:
            RoomUnreachable: If nobody can own it; the text says what to start.
            StoreUnavailable: If the database did not answer.
        """
        owner = await self.environment.store.locate(key)
        if owner is None and self.owners == "any" and self.takes_rooms:
            able = await self._able() if self.environment.is_embedded else {}
            if not able:
                return self.rooms.worker(key)
            owner = able[rendezvous(key, list(able))]
        if owner is None:
            owner = await self._elect(key)
        if owner.node == self.node_id:
            return self.rooms.worker(key)
        if not owner.channel:
            raise RoomUnreachable(
                f"{key} is owned by process {owner.pid}, which has no channel layer; "
                "give every process the same CHANNEL_LAYERS, or stop that one."
            )
        return self.link_to(owner)

    async def has_others(self) -> bool:
        """Whether another process could take this one's rooms."""
        return any(node != self.node_id for node in await self._able())

    async def _elect(self, key: RoomKey) -> Place:
        able = await self._able()
        if not able:
            raise RoomUnreachable(
                f"No process can own {key}: OWNERS is {self.owners!r} and no worker "
                "is alive. Start one with `manage.py runrooms`."
            )
        return able[rendezvous(key, list(able))]

    async def _able(self) -> dict[UUID, Place]:
        places = await self.environment.store.places()
        return {one.node: one for one in places if one.channel and one.takes_rooms}
