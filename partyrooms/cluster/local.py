"""The cluster of one process: rooms and sockets meet by function call."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from partyrooms import registry
from partyrooms.cluster.by_room import ByRoom
from partyrooms.core.frames import Answer, encode_profiles
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.exceptions import RoomStopped
from partyrooms.ports.records import Claim
from partyrooms.ports.rooms import RoomInbox
from partyrooms.runtime.events import Event
from partyrooms.runtime.everywhere import act
from partyrooms.runtime.room_table import RoomTable


class LocalCluster:
    """
    A ``Cluster`` whose rooms are all in its own process; nothing is ever encoded.

    Args:
        rooms: This process's rooms.
    """

    takes_rooms = True
    has_peers = False

    def __init__(self, rooms: RoomTable) -> None:
        self.known = asyncio.Event()
        self.known.set()
        self._rooms = rooms
        self._audiences = ByRoom(lambda _: LocalAudience())

    def start(self) -> None:
        """Nothing: it is ready."""

    async def stop_taking_rooms(self) -> None:
        """Nothing: nobody else could."""

    async def wait_for_others(self, patience: float) -> None:
        """Nothing: there are none."""

    def is_outlived(self, key: RoomKey) -> bool:
        """No: all sockets are in this process."""
        return False

    def close(self) -> None:
        """Nothing: no room is elsewhere."""

    def inbox(self, key: RoomKey) -> RoomInbox:
        return self._rooms.worker(key)

    def audience(self, key: RoomKey) -> LocalAudience:
        """The room's sockets, which are all here."""
        return self._audiences.of(key)

    def local_audience(self, key: RoomKey) -> LocalAudience:
        return self._audiences.of(key)

    def attach(self, socket: LocalSocket) -> None:
        """Nothing: nobody else names sockets."""

    async def take_over(self, key: RoomKey, claim: Claim) -> None:
        """Nothing: all sockets are here."""

    def named(self, key: RoomKey) -> list[UUID] | None:
        """Nobody: no other process has sockets of a room here."""
        return [] if registry.get(key.party).hibernate else None

    def seats(self, key: RoomKey) -> dict[UUID | None, bytes]:
        profiles = [one.profile for one in self._audiences.of(key).sockets()]
        return {None: encode_profiles(profiles)} if profiles else {}

    def gateways(self, key: RoomKey) -> list[UUID]:
        """None: no other process could claim the room and ask."""
        return []

    def release(self, key: RoomKey, *, asleep: bool, waiting: list[Event]) -> None:
        """Give up what waits: no other process can handle it."""
        self.refuse(key, waiting, RoomStopped(f"{key} has stopped; ask again."))

    def lose(self, key: RoomKey) -> None:
        """Nothing: no other process has anything under way."""

    def refuse(self, key: RoomKey, waiting: list[Event], error: Exception) -> None:
        """Give up what waits: no other process can be reached."""
        for event in waiting:
            event.abandon(error)

    async def everywhere(self, name: str, arguments: Mapping[str, Any]) -> list[Any]:
        return [act(self._rooms, name, arguments)]

    async def flush(self) -> None:
        """Nothing: calls have arrived when they return."""

    async def request(self, key: RoomKey, request: Any) -> Answer:
        return await self._rooms.worker(key).request(request)
