"""Before a life begins: who has sockets in the room, and what they have of the last."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from partyrooms.core import wire as wire
from partyrooms.core.delivery_log import Received
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import RecoveryResult, decide, decode_progress
from partyrooms.ports.records import Claim
from partyrooms.runtime import events
from partyrooms.runtime.peers import RecoveringGateway

if TYPE_CHECKING:
    from partyrooms.cluster.cluster import LayerCluster
    from partyrooms.cluster.session import PeerSession

TAKEOVER_TIME = 5.0
"""Seconds that a room's new owner waits for gateways, each of two times."""

LOOK_INTERVAL = 0.01


class ReportingGateway(RecoveringGateway, Protocol):
    """A gateway that can say what it has of an owner which is gone."""

    @property
    def node(self) -> bytes:
        """Its process."""

    @property
    def received(self) -> Received:
        """What it has."""


class RemoteGateway:
    """A ``ReportingGateway`` in another process."""

    def __init__(self, session: "PeerSession", message: wire.RecoverRequest) -> None:
        self.node = session.link.node
        self.received = message.received
        self._session = session
        self._address = {"route": message.route, "join": message.join}
        self._is_settled = False

    def resolve(self, result: RecoveryResult) -> None:
        """Tell it what becomes of its past, unless that was said."""
        if not self._is_settled:
            self._is_settled = True
            self._session.send(wire.Recovered(**self._address, result=result))

    def turn_away(self) -> None:
        """Let it ask elsewhere."""
        if not self._is_settled:
            self._is_settled = True
            self._session.send(wire.Refused(**self._address))


class RecoverRequests:
    """
    Gateways that wait to hear what becomes of their pasts, by room.

    Args:
        cluster: Has the workers.
    """

    def __init__(self, cluster: "LayerCluster") -> None:
        self._cluster = cluster
        self._waiting: dict[RoomKey, dict[bytes, ReportingGateway]] = {}

    def add(self, key: RoomKey, reporting: ReportingGateway) -> None:
        """Remember one, and let the room start for it."""
        self._waiting.setdefault(key, {})[reporting.node] = reporting
        self._cluster.rooms.worker(key).put(events.Recover(reporting))

    def take(self, key: RoomKey) -> dict[bytes, ReportingGateway]:
        """Those of a room, which wait no longer."""
        return self._waiting.pop(key, {})

    def nodes(self, key: RoomKey) -> set[bytes]:
        """Where those of a room are."""
        return set(self._waiting.get(key, ()))

    def turn_away(self, key: RoomKey) -> None:
        """The room is not here."""
        for reporting in self.take(key).values():
            reporting.turn_away()


class Takeover:
    """
    Brings everybody together who has sockets in one room, for a life that begins.

    Args:
        cluster: This process's.
        key: The room.
        claim: Its new ownership.
    """

    def __init__(self, cluster: "LayerCluster", key: RoomKey, claim: Claim) -> None:
        self._cluster = cluster
        self._key = key
        self._claim = claim
        self._stored = decode_progress(claim.progress)
        self._audience = cluster.audience(key)
        self._resolved: set[bytes] = set()

    async def run(self) -> None:
        """Settle what is left of the last owner; then wait until everybody is here."""
        if not self._was_given_up:
            await self._collect_reports()
        elif self._cluster.is_elsewhere(self._key):
            # What the last owner said is still on its way to the sockets that are here.
            await self._until(lambda: not self._cluster.is_elsewhere(self._key))
            self._cluster.part(self._key)
        named = {one.bytes for one in self._claim.gateways} | self._resolved
        wanted = named - {self._cluster.node_id.bytes}
        asked = await self._ask(wanted - self._joined_nodes())
        await self._until(lambda: self._have_joined(asked))

    @property
    def _was_given_up(self) -> bool:
        """Whether the last owner ended as planned, so that nothing of it is to come."""
        if self._claim.displaced is not None:
            return False
        return self._stored is None or self._stored.is_final

    async def _collect_reports(self) -> None:
        self._cluster.part(self._key)
        expected = self._expected()
        asked = await self._ask(expected - self._heard())
        await self._until(lambda: asked <= self._heard() | self._gone(asked))
        self._resolve(is_complete=expected <= self._heard())

    def _expected(self) -> set[bytes]:
        stored = self._stored
        named = {one.bytes for one in self._claim.gateways}
        if stored is not None and stored.epoch == self._claim.epoch - 1:
            named = set(stored.gateways)
        displaced = self._claim.displaced
        own = {
            self._cluster.node_id.bytes,
            b"" if displaced is None else displaced.bytes,
        }
        return named - own

    def _resolve(self, *, is_complete: bool) -> None:
        reporting_gateways = self._cluster.recover_requests.take(self._key)
        received = {node: one.received for node, one in reporting_gateways.items()}
        resolved = decide(self._stored, received, is_complete=is_complete)
        for node, reporting in reporting_gateways.items():
            reporting.resolve(resolved[node])
            self._resolved.add(node)

    def _have_joined(self, asked: set[bytes]) -> bool:
        # The last owner may have died behind the room's release.
        if self._cluster.recover_requests.nodes(self._key):
            self._resolve(is_complete=False)
        return asked <= self._joined_nodes() | self._gone(asked)

    async def _ask(self, nodes: set[bytes]) -> set[bytes]:
        """Ask processes for their sockets; those that can be asked."""
        if not nodes:
            return set()
        places = {
            one.node.bytes: one
            for one in await self._cluster.environment.store.places()
        }
        who = wire.JoinRequest(
            party=self._key.party,
            room_id=self._key.room_id,
            epoch=self._claim.epoch,
            was_displaced=not self._was_given_up,
        )
        asked = nodes & places.keys()
        for node in asked:
            self._cluster.link_to(places[node]).send(wire.encode_message(who))
        return asked

    def _joined_nodes(self) -> set[bytes]:
        return {
            subscription.link.node for subscription in self._audience.subscriptions()
        }

    def _heard(self) -> set[bytes]:
        return self._joined_nodes() | self._cluster.recover_requests.nodes(self._key)

    def _gone(self, nodes: set[bytes]) -> set[bytes]:
        return nodes - self._cluster.transport.links.keys()

    async def _until(self, is_done: Callable[[], bool]) -> None:
        deadline = self._cluster.environment.clock() + TAKEOVER_TIME
        while not is_done() and self._cluster.environment.clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_INTERVAL)
