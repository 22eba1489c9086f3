"""The cluster of many processes, over a Channels layer that promises nothing."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from partyrooms import registry
from partyrooms.cluster.audience import ClusterAudience
from partyrooms.cluster.link import Link
from partyrooms.cluster.monitor import Watch
from partyrooms.cluster.pending import ANSWERS, STREAMED, PendingRequests
from partyrooms.cluster.placement import Placement
from partyrooms.cluster.recovery.takeover import RecoverRequests, Takeover
from partyrooms.cluster.route import Route
from partyrooms.cluster.session import PeerSession
from partyrooms.cluster.transport import Layer, Transport
from partyrooms.core import wire as wire
from partyrooms.core.frames import Answer, Profile, encode_profiles
from partyrooms.core.keys import RoomKey
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
"""Seconds between two looks at whether this host's peers still run."""

LOOK_INTERVAL = 0.1
"""Seconds between two looks for a process that takes the rooms of one that goes."""

RENEW_INTERVAL = 60.0
"""Seconds between two joins of a group that was joined: a layer forgets members."""


class LayerCluster:
    """
    A ``Cluster`` whose rooms may be in other processes.

    Args:
        environment: What this process's rooms share.
        rooms: This process's rooms.
        node_id: This process's id.
        layer: The Channels layer.
        owners: ``"any"`` or ``"workers"``.
        takes_rooms: Whether this process may own rooms.
    """

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
        self.environment = environment
        self.rooms = rooms
        self.node_id = node_id
        self.placement = Placement(self, owners=owners, takes_rooms=takes_rooms)
        self.sockets: WeakValueDictionary[int, LocalSocket] = WeakValueDictionary()
        self.transport = Transport(
            layer,
            node_id,
            spawn=environment.spawn,
            clock=environment.clock,
            on_message=self._receive,
            on_broken=self._broken,
        )
        self._numbers = count(1)
        self._locals: WeakValueDictionary[RoomKey, LocalAudience] = (
            WeakValueDictionary()
        )
        self._audiences: WeakValueDictionary[RoomKey, ClusterAudience] = (
            WeakValueDictionary()
        )
        self._routes: WeakValueDictionary[RoomKey, Route] = WeakValueDictionary()
        self._joined: dict[int, Route] = {}
        self._sessions: dict[bytes, PeerSession] = {}
        self.recover_requests = RecoverRequests(self)
        self.pending = PendingRequests(self._numbers)
        self._watch = Watch(environment, self.transport)
        self._has_others = False
        self.known = asyncio.Event()

    def start(self) -> None:
        """Become known, and begin to read the layer, renew groups and watch peers."""
        self.transport.start()
        self.environment.spawn(self._enroll())
        self.environment.spawn(self._keep_watching())
        self.environment.spawn(self._keep_renewing())

    # The contract

    has_peers = True

    @property
    def takes_rooms(self) -> bool:
        """Whether this process may own rooms."""
        return self.placement.takes_rooms

    async def stop_taking_rooms(self) -> None:
        """Let nobody place rooms in this process any more."""
        self.placement.takes_rooms = False
        with suppress(StoreUnavailable):
            await self.environment.store.stop_taking_rooms()
            await self._look_for_others()

    async def wait_for_others(self, patience: float) -> None:
        """Wait until another process could take this one's rooms, if any is served."""
        deadline = self.environment.clock() + patience
        while (
            self._serves_others
            and not self._has_others
            and self.environment.clock() < deadline
        ):
            await asyncio.sleep(LOOK_INTERVAL)
            with suppress(StoreUnavailable):
                await self._look_for_others()

    def is_outlived(self, key: RoomKey) -> bool:
        """Whether a room's sockets may stay open when this process ends."""
        if self._has_others:
            return True
        hibernates = registry.get(key.party).hibernate
        return hibernates and not self.local_audience(key).sockets()

    @property
    def _serves_others(self) -> bool:
        audiences = tuple(self._audiences.values())
        return any(
            subscription.sockets
            for one in audiences
            for subscription in one.subscriptions()
        )

    async def _look_for_others(self) -> None:
        self._has_others = any(
            one.takes_rooms and one.channel and one.node != self.node_id
            for one in await self.environment.store.places()
        )

    def close(self) -> None:
        """Reach nobody any more: sockets whose rooms are elsewhere get 1012."""
        for route in tuple(self._joined.values()):
            route.end()

    def inbox(self, key: RoomKey) -> RoomInbox:
        """The way into a room, kept alive by its users."""
        return self._route(key)

    def audience(self, key: RoomKey) -> ClusterAudience:
        """All sockets of a room that is run here."""
        audience = self._audiences.get(key)
        if audience is None:
            audience = ClusterAudience(key, self.local_audience(key), self.transport)
            self._audiences[key] = audience
        return audience

    def local_audience(self, key: RoomKey) -> LocalAudience:
        """The room's sockets in this process, kept alive by their users."""
        audience = self._locals.get(key)
        if audience is None:
            audience = self._locals[key] = LocalAudience()
        return audience

    async def request(self, key: RoomKey, request: Any) -> Answer:
        """Ask a room and wait for its answer."""
        return await self._route(key).request(request)

    def attach(self, socket: LocalSocket) -> None:
        """Give a socket the number by which other processes name it."""
        socket.number = next(self._numbers)
        self.sockets[socket.number] = socket

    async def take_over(self, key: RoomKey, claim: Claim) -> None:
        """Before a life begins: let everybody with sockets in the room join it."""
        await Takeover(self, key, claim).run()

    def release(self, key: RoomKey, *, asleep: bool, waiting: "list[Event]") -> None:
        """After a life has ended: let everybody know that the room is not here."""
        waiting = _own(waiting)
        self.recover_requests.turn_away(key)
        audience = self.audience(key)
        for subscription in audience.subscriptions():
            audience.remove(subscription)
            self._session(subscription.link).leave(subscription, asleep=asleep)
        route = self._routes.get(key)
        if route is None:
            route = self._route(key) if waiting else None
        if route is not None:
            route.take_back(waiting)
            if not asleep:
                route.needs_owner()

    def lose(self, key: RoomKey) -> None:
        """The room was lost here; what was under way may or may not have happened."""
        self.recover_requests.turn_away(key)
        audience = self.audience(key)
        for subscription in audience.subscriptions():
            audience.remove(subscription)
            self._session(subscription.link).lost(subscription)
        if route := self._routes.get(key):
            route.take_back([])

    def refuse(self, key: RoomKey, waiting: "list[Event]", error: Exception) -> None:
        """The room cannot be started here: another process has it."""
        waiting = _own(waiting)
        self.recover_requests.turn_away(key)
        audience = self.audience(key)
        for subscription in audience.subscriptions():
            audience.remove(subscription)
            self._session(subscription.link).turn_away(subscription)
        self._route(key).take_back(waiting)

    def named(self, key: RoomKey) -> list[UUID] | None:
        """The processes that have joined; None: sockets do not outlive the room."""
        if not registry.get(key.party).hibernate:
            return None
        return [UUID(bytes=b.link.node) for b in self.audience(key).subscriptions()]

    def gateways(self, key: RoomKey) -> list[UUID]:
        """The processes that have sockets of a room open."""
        found = [
            UUID(bytes=b.link.node)
            for b in self.audience(key).subscriptions()
            if b.sockets
        ]
        return [*found, self.node_id] if len(self.local_audience(key)) else found

    def seats(self, key: RoomKey) -> dict[UUID | None, bytes]:
        """Who is connected to a room by each process, as stored; None: by this one."""
        found: dict[UUID | None, list[Profile]] = {
            UUID(bytes=subscription.link.node): [
                socket.profile
                for socket in subscription.sockets.values()
                if socket.is_accepted
            ]
            for subscription in self.audience(key).subscriptions()
        }
        found[None] = [one.profile for one in self.local_audience(key).sockets()]
        return {node: encode_profiles(each) for node, each in found.items() if each}

    async def flush(self) -> None:
        """Wait until every living peer has what was sent to it."""
        links = self.transport.links
        while not all(one.is_clear for one in links.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    # What the parts ask

    def runs(self, key: RoomKey) -> bool:
        """Whether a room's life is in this process now."""
        return self.rooms.worker(key).life is not None

    def is_elsewhere(self, key: RoomKey) -> bool:
        """Whether the sockets of this process are at an owner in another one."""
        route = self._routes.get(key)
        return route is not None and route.link is not None

    def part(self, key: RoomKey) -> None:
        """The room is this process's: its own sockets leave the owner that was."""
        route = self._routes.get(key)
        if route is not None and route.is_elsewhere:
            route.part()
            route.adopt()

    def link_to(self, place: Place) -> Link:
        """The peer at a living node."""
        self._watch.know(place)
        return self.transport.link(place.node.bytes, place.channel)

    def joined(self, route: Route) -> None:
        """A route has an owner elsewhere: it is kept, and its group joined."""
        self._joined[route.number] = route

    def parted(self, route: Route) -> None:
        """A route has no owner elsewhere any more."""
        self._joined.pop(route.number, None)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start a task that ends with the node at the latest."""
        return self.environment.spawn(coroutine)

    # What comes

    def _receive(self, link: Link, message: Any) -> None:
        if isinstance(message, (*ANSWERS, *STREAMED)):
            self.pending.receive(link, message)
        elif isinstance(message, wire.Granted | wire.StreamLeft):
            self._session(link).streams.receive(message)
        elif isinstance(message, _FROM_OWNER):
            route = self._joined.get(message.route)
            if route is not None and route.link is link and route.join == message.join:
                route.receive(message)
        elif isinstance(message, wire.Join):
            self._session(link).join(message)
        elif isinstance(message, wire.RecoverRequest):
            self._session(link).recover(message)
        elif isinstance(message, wire.Broadcast):
            route = self._routes.get(RoomKey(message.party, message.room_id))
            if route is not None and route.link is link:
                route.broadcast(message)
        elif isinstance(message, wire.JoinRequest):
            route = self._route(RoomKey(message.party, message.room_id))
            if route.link is not link:
                route.redirect(link, at_once=message.was_displaced)
        else:
            self._session(link).receive(message)

    def _broken(self, link: Link, is_dead: bool) -> None:
        session = self._sessions.pop(link.node, None)
        if session is not None:
            session.lose(is_dead=is_dead)
        self.pending.broken(link)
        for route in tuple(self._joined.values()):
            if route.link is link:
                route.broken(is_dead=is_dead)

    def _route(self, key: RoomKey) -> Route:
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = Route(key, next(self._numbers), self)
        return route

    def _session(self, link: Link) -> PeerSession:
        session = self._sessions.get(link.node)
        if session is None:
            session = self._sessions[link.node] = PeerSession(link, self)
        return session

    async def _enroll(self) -> None:
        delay = 0.1
        while True:
            try:
                await self.environment.store.enroll()
            except StoreUnavailable as error:
                logger.warning("This node is not known yet: %s", error)
                await asyncio.sleep(delay)
                delay = min(2 * delay, 2.0)
            else:
                self.known.set()
                return

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            await self._watch.look()
            for route in tuple(self._joined.values()):
                route.pump()

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEW_INTERVAL)
            for route in tuple(self._joined.values()):
                route.renew()


_FROM_OWNER = (
    wire.Send,
    wire.Handled,
    wire.Marked,
    wire.Recovered,
    wire.Accept,
    wire.Keep,
    wire.Close,
    wire.Joined,
    wire.Refused,
    wire.Lost,
    wire.HandedOver,
)


def _own(waiting: "list[Event]") -> "list[Event]":
    """The events of this process, which another owner could handle."""
    return [one for one in waiting if one.receipt is None and one.travels]
