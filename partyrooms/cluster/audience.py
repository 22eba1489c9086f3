"""All sockets of one room that this process owns: its own, and those of its peers."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from partyrooms.cluster.turn_marks import Turns
from partyrooms.core import wire as items
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import Tally
from partyrooms.delivery.subscribers import LocalAudience
from partyrooms.ports.cluster import Broadcast, Line

if TYPE_CHECKING:
    from partyrooms.cluster.subscription import Berth
    from partyrooms.cluster.transport import Hub
    from partyrooms.ports.store import Claim


class RoomAudience:
    """
    An ``Audience`` over processes.

    Args:
        key: The room.
        local: The sockets in this process.
        hub: The way to the others.
    """

    def __init__(self, key: RoomKey, local: LocalAudience, hub: "Hub") -> None:
        self.account: Turns | None = None
        self._epoch = 0
        self._key = key
        self._local = local
        self._hub = hub
        self._berths: dict[bytes, Berth] = {}

    def open(self, claim: "Claim", *, hibernates: bool) -> "Turns | None":
        """A life begins: tell each peer before anything else of it."""
        self._epoch = claim.epoch
        if hibernates:
            named = {one.bytes for one in claim.gateways} - {self._hub.node}
            self.account = Turns(Tally(claim.epoch, named), self)
        for berth in self._berths.values():
            if self.account is not None:
                self.account.enter(berth)
            berth.open(claim.epoch)
        return self.account

    def close(self) -> None:
        """The life is over."""
        self.account = None

    def is_moored(self, berth: "Berth") -> bool:
        """Whether a peer has joined by this berth, and not left or joined anew."""
        return self._berths.get(berth.peer.node) is berth

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
        berths = [one for one in self._berths.values() if one.lines and one.is_open]
        if not berths:
            return
        frame, without = broadcast
        item = items.encode_item(
            items.Broadcast(
                party=self._key.party,
                room_id=self._key.room_id,
                epoch=self._epoch,
                payload=frame.payload,
                without=sorted(without),
            )
        )
        if self.account is not None and self.account.is_leaving:
            self.account.keep(berths, partial(self._post, item, berths))
        else:
            self._post(item, berths)

    def _post(self, item: bytes, berths: "list[Berth]") -> None:
        peers = [berth.peer for berth in berths if self.is_moored(berth)]
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
