"""All sockets of one room that this process owns: its own, and those of its peers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from partyrooms.bus.contract import Broadcast, Line
from partyrooms.core import items
from partyrooms.core.keys import RoomKey
from partyrooms.gateway.audience import LocalAudience

if TYPE_CHECKING:
    from partyrooms.bus.dock import Berth
    from partyrooms.bus.hub import Hub


class RoomAudience:
    """
    An ``Audience`` over processes.

    Args:
        key: The room.
        local: The sockets in this process.
        hub: The way to the others.
    """

    def __init__(self, key: RoomKey, local: LocalAudience, hub: "Hub") -> None:
        self.epoch = 0
        self._key = key
        self._local = local
        self._hub = hub
        self._berths: dict[bytes, Berth] = {}

    def open(self, epoch: int) -> None:
        """A life begins: tell each peer before anything else of it."""
        self.epoch = epoch
        for berth in self._berths.values():
            berth.open(epoch)

    def moor(self, berth: "Berth") -> None:
        """A peer has joined; it may have before."""
        self._berths[berth.peer.node] = berth

    def unmoor(self, berth: "Berth") -> None:
        """A peer has left."""
        if self._berths.get(berth.peer.node) is berth:
            del self._berths[berth.peer.node]

    def berths(self) -> "tuple[Berth, ...]":
        """Every peer that has joined."""
        return tuple(self._berths.values())

    def broadcast(self, broadcast: Broadcast) -> None:
        """Queue a frame at each socket but those whose ids are left out."""
        self._local.broadcast(broadcast)
        berths = [berth for berth in self._berths.values() if berth.lines]
        if not berths:
            return
        frame, without = broadcast
        item = items.encode_item(
            items.Broadcast(
                party=self._key.party,
                room_id=self._key.room_id,
                epoch=self.epoch,
                payload=frame.payload,
                without=sorted(without),
            )
        )
        peers = [berth.peer for berth in berths]
        for peer in [peer for peer in peers if peer.is_full]:
            self._hub.break_link(peer)
            peers.remove(peer)
        if len(peers) == 1:
            peers[0].send(item)
        elif peers:
            self._hub.send_to_group(self._key.group_name, item, peers)

    def lines(self) -> Iterable[Line]:
        """Every socket that was let in."""
        remote: list[Any] = [
            line
            for berth in self._berths.values()
            for line in berth.lines.values()
            if line.is_accepted
        ]
        return [*self._local.lines(), *remote]
