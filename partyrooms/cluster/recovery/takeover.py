"""Before a life begins: who has sockets in the room, and what they have of the last."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from partyrooms.core import wire as items
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import Past, Settlement, decode_progress, settle
from partyrooms.ports.cluster import Recaller
from partyrooms.ports.store import Claim
from partyrooms.runtime import events

if TYPE_CHECKING:
    from partyrooms.cluster.cluster import LayerBus
    from partyrooms.cluster.session import Dock

GATHER_TIME = 5.0
"""Seconds that a room's new owner waits for gateways, each of two times."""

LOOK_INTERVAL = 0.01


class Witness(Recaller, Protocol):
    """A gateway that can say what it has of an owner which is gone."""

    @property
    def node(self) -> bytes:
        """Its process."""

    @property
    def past(self) -> Past:
        """What it has."""


class RemoteRecaller:
    """A ``Witness`` in another process."""

    def __init__(self, dock: "Dock", item: items.Recall) -> None:
        self.node = dock.peer.node
        self.past = item.past
        self._dock = dock
        self._address = {"route": item.route, "join": item.join}
        self._is_settled = False

    def settle(self, settlement: Settlement) -> None:
        """Tell it what becomes of its past, unless that was said."""
        if not self._is_settled:
            self._is_settled = True
            self._dock.send(items.Settled(**self._address, settlement=settlement))

    def turn_away(self) -> None:
        """Let it ask elsewhere."""
        if not self._is_settled:
            self._is_settled = True
            self._dock.send(items.Refused(**self._address))


class Recalls:
    """
    Gateways that wait to hear what becomes of their pasts, by room.

    Args:
        bus: Has the workers.
    """

    def __init__(self, bus: "LayerBus") -> None:
        self._bus = bus
        self._waiting: dict[RoomKey, dict[bytes, Witness]] = {}

    def add(self, key: RoomKey, witness: Witness) -> None:
        """Remember one, and let the room start for it."""
        self._waiting.setdefault(key, {})[witness.node] = witness
        self._bus.node.worker(key)._put(events.Recall(witness))

    def take(self, key: RoomKey) -> dict[bytes, Witness]:
        """Those of a room, which wait no longer."""
        return self._waiting.pop(key, {})

    def nodes(self, key: RoomKey) -> set[bytes]:
        """Where those of a room are."""
        return set(self._waiting.get(key, ()))

    def turn_away(self, key: RoomKey) -> None:
        """The room is not here."""
        for witness in self.take(key).values():
            witness.turn_away()


class Gathering:
    """
    Brings everybody together who has sockets in one room, for a life that begins.

    Args:
        bus: This process's.
        key: The room.
        claim: Its new ownership.
    """

    def __init__(self, bus: "LayerBus", key: RoomKey, claim: Claim) -> None:
        self._bus = bus
        self._key = key
        self._claim = claim
        self._stored = decode_progress(claim.progress)
        self._audience = bus.audience(key)
        self._settled: set[bytes] = set()

    async def run(self) -> None:
        """Settle what is left of the last owner; then wait until everybody is here."""
        if not self._was_given_up:
            await self._hear_witnesses()
        elif self._bus.is_elsewhere(self._key):
            # What the last owner said is still on its way to the sockets that are here.
            await self._until(lambda: not self._bus.is_elsewhere(self._key))
            self._bus.part(self._key)
        named = {one.bytes for one in self._claim.gateways} | self._settled
        wanted = named - {self._bus.node_id.bytes}
        asked = await self._ask(wanted - self._moored())
        await self._until(lambda: self._have_joined(asked))

    @property
    def _was_given_up(self) -> bool:
        """Whether the last owner ended as planned, so that nothing of it is to come."""
        if self._claim.displaced is not None:
            return False
        return self._stored is None or self._stored.is_final

    async def _hear_witnesses(self) -> None:
        self._bus.part(self._key)
        expected = self._expected()
        asked = await self._ask(expected - self._heard())
        await self._until(lambda: asked <= self._heard() | self._gone(asked))
        self._settle(is_complete=expected <= self._heard())

    def _expected(self) -> set[bytes]:
        stored = self._stored
        named = {one.bytes for one in self._claim.gateways}
        if stored is not None and stored.epoch == self._claim.epoch - 1:
            named = set(stored.gateways)
        displaced = self._claim.displaced
        own = {self._bus.node_id.bytes, b"" if displaced is None else displaced.bytes}
        return named - own

    def _settle(self, *, is_complete: bool) -> None:
        witnesses = self._bus.recalls.take(self._key)
        pasts = {node: one.past for node, one in witnesses.items()}
        settled = settle(self._stored, pasts, is_complete=is_complete)
        for node, witness in witnesses.items():
            witness.settle(settled[node])
            self._settled.add(node)

    def _have_joined(self, asked: set[bytes]) -> bool:
        # The last owner may have died behind the room's release.
        if self._bus.recalls.nodes(self._key):
            self._settle(is_complete=False)
        return asked <= self._moored() | self._gone(asked)

    async def _ask(self, nodes: set[bytes]) -> set[bytes]:
        """Ask processes for their sockets; those that can be asked."""
        if not nodes:
            return set()
        places = {one.node.bytes: one for one in await self._bus.node.store.places()}
        who = items.Who(
            party=self._key.party,
            room_id=self._key.room_id,
            epoch=self._claim.epoch,
            was_displaced=not self._was_given_up,
        )
        asked = nodes & places.keys()
        for node in asked:
            self._bus.peer_at(places[node]).send(items.encode_item(who))
        return asked

    def _moored(self) -> set[bytes]:
        return {berth.peer.node for berth in self._audience.berths()}

    def _heard(self) -> set[bytes]:
        return self._moored() | self._bus.recalls.nodes(self._key)

    def _gone(self, nodes: set[bytes]) -> set[bytes]:
        return nodes - self._bus.hub.peers.keys()

    async def _until(self, is_done: Callable[[], bool]) -> None:
        deadline = self._bus.node.clock() + GATHER_TIME
        while not is_done() and self._bus.node.clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_INTERVAL)
