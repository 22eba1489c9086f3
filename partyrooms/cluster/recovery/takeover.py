"""Before a life begins: who has sockets in the room, and how far they were served."""

import asyncio
from collections.abc import Callable

from partyrooms.cluster.context import Context
from partyrooms.cluster.routes import Routes
from partyrooms.core.keys import RoomKey
from partyrooms.core.recovery import decide, decode_progress
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.to_gateway import JoinRequest
from partyrooms.ports.records import Claim

TAKEOVER_TIME = 5.0
"""Timeout in seconds for the gateways, applied in each of two phases."""

LOOK_INTERVAL = 0.01
"""Seconds between two looks whether all of them are here."""


class Takeover:
    """
    Brings everybody together who has sockets in one room, for a life that begins.

    Args:
        context: This process's.
        routes: This process's.
        key: The room.
        claim: Its new ownership.
    """

    def __init__(
        self, context: Context, routes: Routes, key: RoomKey, claim: Claim
    ) -> None:
        self._context = context
        self._routes = routes
        self._requests = context.recover_requests
        self._key = key
        self._claim = claim
        self._stored = decode_progress(claim.progress)
        self._audience = context.audiences.of(key)
        self._resolved: set[bytes] = set()

    async def run(self) -> None:
        """Resolve what is left of the last owner; then wait until all have joined."""
        if not self._was_given_up:
            await self._collect_reports()
        elif self._routes.is_elsewhere(self._key):
            # The last owner's messages are still on their way to the sockets here.
            await self._until(lambda: not self._routes.is_elsewhere(self._key))
            self._routes.part(self._key)
        named = {one.bytes for one in self._claim.gateways} | self._resolved
        wanted = named - {self._context.node_id.bytes}
        asked = await self._ask(wanted - self._joined())
        await self._until(lambda: self._have_joined(asked))

    @property
    def _was_given_up(self) -> bool:
        """Whether the last owner ended as planned, so that all of it is stored."""
        if self._claim.displaced is not None:
            return False
        return self._stored is None or self._stored.is_final

    async def _collect_reports(self) -> None:
        self._routes.part(self._key)
        expected = self._expected()
        asked = await self._ask(expected - self._known())
        await self._until(lambda: asked <= self._known() | self._gone(asked))
        self._resolve(is_complete=expected <= self._known())

    def _expected(self) -> set[bytes]:
        stored, displaced = self._stored, self._claim.displaced
        named = {one.bytes for one in self._claim.gateways}
        if stored is not None and stored.epoch == self._claim.epoch - 1:
            named = set(stored.gateways)
        if displaced is not None:
            named.discard(displaced.bytes)
        return named - {self._context.node_id.bytes}

    def _resolve(self, *, is_complete: bool) -> None:
        gateways = self._requests.take(self._key)
        received = {node: one.received for node, one in gateways.items()}
        results = decide(self._stored, received, is_complete=is_complete)
        for node, gateway in gateways.items():
            gateway.resolve(results[node])
            self._resolved.add(node)

    def _have_joined(self, asked: set[bytes]) -> bool:
        # The last owner may have died after the room's release.
        if self._requests.nodes(self._key):
            self._resolve(is_complete=False)
        return asked <= self._joined() | self._gone(asked)

    async def _ask(self, nodes: set[bytes]) -> set[bytes]:
        """Ask processes for their sockets; those that can be asked."""
        if not nodes:
            return set()
        listed = await self._context.environment.store.places()
        places = {one.node.bytes: one for one in listed}
        request = JoinRequest(
            party=self._key.party,
            room_id=self._key.room_id,
            epoch=self._claim.epoch,
            was_displaced=not self._was_given_up,
        )
        asked = nodes & places.keys()
        for node in asked:
            self._context.link_to(places[node]).send(encode_message(request))
        return asked

    def _joined(self) -> set[bytes]:
        return {one.link.node for one in self._audience.gateways()}

    def _known(self) -> set[bytes]:
        return self._joined() | self._requests.nodes(self._key)

    def _gone(self, nodes: set[bytes]) -> set[bytes]:
        return nodes - self._context.transport.links.keys()

    async def _until(self, is_done: Callable[[], bool]) -> None:
        clock = self._context.environment.clock
        deadline = clock() + TAKEOVER_TIME
        while not is_done() and clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_INTERVAL)
