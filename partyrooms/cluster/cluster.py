"""The cluster of many processes, over a Channels layer that promises nothing."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from partyrooms import registry
from partyrooms.cluster.audience import ClusterAudience
from partyrooms.cluster.by_room import ByRoom
from partyrooms.cluster.contained import contained
from partyrooms.cluster.context import Context
from partyrooms.cluster.everywhere import ask_everywhere
from partyrooms.cluster.link import Link
from partyrooms.cluster.monitor import Monitor
from partyrooms.cluster.pending import PendingRequests
from partyrooms.cluster.placement import Placement
from partyrooms.cluster.recovery.recover_requests import RecoverRequests
from partyrooms.cluster.recovery.takeover import Takeover
from partyrooms.cluster.routes import Routes
from partyrooms.cluster.session import PeerSession
from partyrooms.cluster.transport import Layer, Transport
from partyrooms.core.frames import Answer, encode_profiles
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.message import Message
from partyrooms.core.wire.replies import Asked, FromStream, Reply, ToStream
from partyrooms.core.wire.to_gateway import (
    Announcement,
    HandedOver,
    Lost,
    Refused,
    ToGateway,
)
from partyrooms.core.wire.to_room import ToRoom
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Claim, Place
from partyrooms.ports.rooms import RoomInbox
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.events import Event
from partyrooms.runtime.room_table import RoomTable

logger = logging.getLogger("partyrooms.cluster")

WATCH_INTERVAL = 0.25
"""Seconds between two looks at whether this host's other processes still run."""

LOOK_INTERVAL = 0.1
"""Seconds between two looks for a process that takes the rooms of one that goes."""

RENEW_INTERVAL = 60.0
"""Seconds between two joins of a group that was joined: a layer forgets members."""

MAX_ENROLL_DELAY = 2.0
"""Seconds between two attempts to become known, at most."""


class LayerCluster:
    """
    A ``Cluster`` of several processes; users of a room keep its inbox and audience.

    Args:
        environment: What this process's rooms share.
        rooms: This process's rooms.
        node_id: This process's id.
        layer: The Channels layer.
        owners: ``"any"`` or ``"workers"``.
        takes_rooms: Whether this process may own rooms.
    """

    has_peers = True

    def __init__(
        self,
        environment: Environment,
        rooms: RoomTable,
        node_id: UUID,
        layer: Layer,
        *,
        owners: str,
        takes_rooms: bool,
    ) -> None:
        self.known = asyncio.Event()
        self.node_id = node_id
        self.transport = Transport(
            layer,
            node_id,
            spawn=environment.spawn,
            clock=environment.clock,
            on_message=self._receive,
            on_broken=self._broken,
        )
        self.placement = Placement(
            environment=environment,
            rooms=rooms,
            node_id=node_id,
            link_to=self._link_to,
            owners=owners,
            takes_rooms=takes_rooms,
        )
        self._local_audiences = ByRoom(lambda _: LocalAudience())
        numbers = count(1)
        self._context = Context(
            environment=environment,
            rooms=rooms,
            node_id=node_id,
            transport=self.transport,
            link_to=self._link_to,
            placement=self.placement,
            numbers=numbers,
            sockets=WeakValueDictionary(),
            local_audiences=self._local_audiences,
            audiences=ByRoom(self._new_audience),
            pending=PendingRequests(numbers),
            recover_requests=RecoverRequests(rooms.worker),
        )
        self.everywhere = partial(ask_everywhere, self._context)
        self._environment = environment
        self._routes = Routes(self._context)
        self._sessions: dict[bytes, PeerSession] = {}
        self._monitor = Monitor(environment, self.transport)
        self._has_others = False

    def start(self) -> None:
        """Become known, and begin to read the layer, renew groups and watch peers."""
        self.transport.start()
        self._environment.spawn(self._enroll())
        self._environment.spawn(self._keep_watching())
        self._environment.spawn(self._keep_renewing())

    # When this process goes

    @property
    def takes_rooms(self) -> bool:
        return self.placement.takes_rooms

    async def stop_taking_rooms(self) -> None:
        self.placement.takes_rooms = False
        with suppress(StoreUnavailable):
            await self._environment.store.stop_taking_rooms()
            self._has_others = await self.placement.has_others()

    async def wait_for_others(self, patience: float) -> None:
        clock = self._environment.clock
        deadline = clock() + patience
        while self._serves_others and not self._has_others and clock() < deadline:
            await asyncio.sleep(LOOK_INTERVAL)
            with suppress(StoreUnavailable):
                self._has_others = await self.placement.has_others()

    def is_outlived(self, key: RoomKey) -> bool:
        if not registry.get(key.party).hibernate:
            return False  # Its memory would be empty, and on_connect not called again.
        return self._has_others or not self.local_audience(key).sockets()

    @property
    def _serves_others(self) -> bool:
        audiences = self._context.audiences.all()
        return any(gateway.sockets for one in audiences for gateway in one.gateways())

    async def flush(self) -> None:
        links = self.transport.links
        while not all(one.is_clear for one in links.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def close(self) -> None:
        self._routes.close()

    # What gateways ask

    def inbox(self, key: RoomKey) -> RoomInbox:
        return self._routes.of(key)

    def local_audience(self, key: RoomKey) -> LocalAudience:
        return self._local_audiences.of(key)

    def attach(self, socket: LocalSocket) -> None:
        socket.number = next(self._context.numbers)
        self._context.sockets[socket.number] = socket

    async def request(self, key: RoomKey, request: Any) -> Answer:
        return await self._routes.of(key).request(request)

    # What rooms ask

    def audience(self, key: RoomKey) -> ClusterAudience:
        return self._context.audiences.of(key)

    async def take_over(self, key: RoomKey, claim: Claim) -> None:
        await Takeover(self._context, self._routes, key, claim).run()

    def release(self, key: RoomKey, *, asleep: bool, waiting: list[Event]) -> None:
        waiting = _own(waiting)
        self._part(key, HandedOver, asleep=asleep)
        route = self._routes.of(key) if waiting else self._routes.get(key)
        if route is not None:
            route.take_back(waiting)
            if not asleep:
                route.needs_owner()

    def lose(self, key: RoomKey) -> None:
        self._part(key, Lost)
        if route := self._routes.get(key):
            route.take_back([])

    def refuse(self, key: RoomKey, waiting: list[Event], error: Exception) -> None:
        self._part(key, Refused)
        self._routes.of(key).take_back(_own(waiting), refused=True)

    def _part(self, key: RoomKey, kind: type[ToGateway], **values: Any) -> None:
        self._context.recover_requests.turn_away(key)
        for gateway in self.audience(key).gateways():
            gateway.part(kind, **values)

    def named(self, key: RoomKey) -> list[UUID] | None:
        if not registry.get(key.party).hibernate:
            return None
        return [UUID(bytes=one.link.node) for one in self.audience(key).gateways()]

    def gateways(self, key: RoomKey) -> list[UUID]:
        gateways = [one for one in self.audience(key).gateways() if one.sockets]
        own = [self.node_id] if len(self.local_audience(key)) else []
        return [UUID(bytes=one.link.node) for one in gateways] + own

    def seats(self, key: RoomKey) -> dict[UUID | None, bytes]:
        sockets = self.audience(key).sockets_by_node()
        return {
            None if node == self.node_id.bytes else UUID(bytes=node): encode_profiles(
                [one.profile for one in each]
            )
            for node, each in sockets.items()
            if each
        }

    # What comes

    def _receive(self, link: Link, message: Message) -> None:
        if isinstance(message, ToRoom | Asked):
            self._session(link).receive(message)
        elif isinstance(message, ToGateway | Announcement):
            self._routes.receive(link, message)
        elif isinstance(message, Reply | FromStream):
            self._context.pending.receive(link, message)
        elif isinstance(message, ToStream):
            self._session(link).replies.streams.receive(message)

    def _broken(self, link: Link, is_dead: bool) -> None:
        if session := self._sessions.pop(link.node, None):
            session.lose(is_dead=is_dead)
        self._context.pending.broken(link, is_dead=is_dead)
        self._routes.broken(link, is_dead=is_dead)

    def _session(self, link: Link) -> PeerSession:
        session = self._sessions.get(link.node)
        if session is None:
            session = self._sessions[link.node] = PeerSession(link, self._context)
        return session

    def _link_to(self, place: Place) -> Link:
        """The link with the process at a place."""
        self._monitor.know(place)
        return self.transport.link(place.node.bytes, place.channel)

    def _new_audience(self, key: RoomKey) -> ClusterAudience:
        return ClusterAudience(key, self.local_audience(key), self.transport)

    async def _enroll(self) -> None:
        delay = 0.1
        while True:
            try:
                await self._environment.store.enroll()
            except StoreUnavailable as error:
                logger.warning("This node is not known yet: %s", error)
                await asyncio.sleep(delay)
                delay = min(2 * delay, MAX_ENROLL_DELAY)
            else:
                self.known.set()
                return

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            with contained("A look at other processes"):
                await self._monitor.look()
            self._routes.pump()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEW_INTERVAL)
            self._routes.renew()


def _own(waiting: list[Event]) -> list[Event]:
    """The events of this process, which another owner could handle."""
    return [one for one in waiting if one.receipt is None and one.travels]
