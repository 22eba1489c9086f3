"""The bus of many processes, over a Channels layer that promises nothing."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID
from weakref import WeakValueDictionary

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings as django_settings

from partyrooms import registry
from partyrooms.cluster.audience import RoomAudience
from partyrooms.cluster.link import Peer
from partyrooms.cluster.monitor import Watch
from partyrooms.cluster.pending import ANSWERS, STREAMED, Asks
from partyrooms.cluster.placement import Placement
from partyrooms.cluster.recovery.takeover import Gathering, Recalls
from partyrooms.cluster.route import Route
from partyrooms.cluster.session import Dock
from partyrooms.cluster.transport import Hub, Layer
from partyrooms.core import wire as items
from partyrooms.core.frames import Answer, Profile, encode_profiles
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.outbox import Outbox
from partyrooms.delivery.subscribers import LocalAudience
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.cluster import Inlet
from partyrooms.ports.store import Claim, Place

if TYPE_CHECKING:
    from partyrooms.runtime.events import Event
    from partyrooms.server.node import Node

logger = logging.getLogger("partyrooms.cluster")

WATCH_INTERVAL = 0.25
"""Seconds between two looks at whether this host's peers still run."""

LOOK_INTERVAL = 0.1
"""Seconds between two looks for a process that takes the rooms of one that goes."""

RENEW_INTERVAL = 60.0
"""Seconds between two joins of a group that was joined: a layer forgets members."""


class LayerBus:
    """
    A ``Bus`` whose rooms may be in other processes.

    Args:
        node: What runs this process's rooms.
        node_id: This process's id.
        layer: The Channels layer.
        owners: ``"any"`` or ``"workers"``.
        takes_rooms: Whether this process may own rooms.
    """

    def __init__(
        self,
        node: "Node",
        node_id: UUID,
        layer: Layer,
        *,
        owners: str,
        takes_rooms: bool,
    ) -> None:
        self.node = node
        self.node_id = node_id
        self.placement = Placement(self, owners=owners, takes_rooms=takes_rooms)
        self.lines: WeakValueDictionary[int, Outbox] = WeakValueDictionary()
        self.hub = Hub(
            layer,
            node_id,
            spawn=node.spawn,
            clock=node.clock,
            on_item=self._receive,
            on_broken=self._broken,
        )
        self._numbers = count(1)
        self._locals: WeakValueDictionary[RoomKey, LocalAudience] = (
            WeakValueDictionary()
        )
        self._audiences: WeakValueDictionary[RoomKey, RoomAudience] = (
            WeakValueDictionary()
        )
        self._routes: WeakValueDictionary[RoomKey, Route] = WeakValueDictionary()
        self._joined: dict[int, Route] = {}
        self._docks: dict[bytes, Dock] = {}
        self.recalls = Recalls(self)
        self.asks = Asks(self._numbers)
        self._watch = Watch(node, self.hub)
        self._has_others = False
        self.known = asyncio.Event()

    def start(self) -> None:
        """Become known, and begin to read the layer, renew groups and watch peers."""
        self.hub.start()
        self.node.spawn(self._enroll())
        self.node.spawn(self._keep_watching())
        self.node.spawn(self._keep_renewing())

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
            await self.node.store.stop_taking_rooms()
            await self._look_for_others()

    async def wait_for_others(self, patience: float) -> None:
        """Wait until another process could take this one's rooms, if any is served."""
        deadline = self.node.clock() + patience
        while (
            self._serves_others
            and not self._has_others
            and self.node.clock() < deadline
        ):
            await asyncio.sleep(LOOK_INTERVAL)
            with suppress(StoreUnavailable):
                await self._look_for_others()

    def is_outlived(self, key: RoomKey) -> bool:
        """Whether a room's sockets may stay open when this process ends."""
        if self._has_others:
            return True
        hibernates = registry.get(key.party).hibernate
        return hibernates and not self.local_audience(key).lines()

    @property
    def _serves_others(self) -> bool:
        audiences = tuple(self._audiences.values())
        return any(berth.lines for one in audiences for berth in one.berths())

    async def _look_for_others(self) -> None:
        self._has_others = any(
            one.takes_rooms and one.channel and one.node != self.node_id
            for one in await self.node.store.places()
        )

    def close(self) -> None:
        """Reach nobody any more: sockets whose rooms are elsewhere get 1012."""
        for route in tuple(self._joined.values()):
            route.end()

    def inlet(self, key: RoomKey) -> Inlet:
        """The way into a room, kept alive by its users."""
        return self._route(key)

    def audience(self, key: RoomKey) -> RoomAudience:
        """All sockets of a room that is run here."""
        audience = self._audiences.get(key)
        if audience is None:
            audience = RoomAudience(key, self.local_audience(key), self.hub)
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

    def attach(self, outbox: Outbox) -> None:
        """Give a socket the number by which other processes name it."""
        outbox.number = next(self._numbers)
        self.lines[outbox.number] = outbox

    async def gather(self, key: RoomKey, claim: Claim) -> None:
        """Before a life begins: let everybody with sockets in the room join it."""
        await Gathering(self, key, claim).run()

    def release(self, key: RoomKey, *, asleep: bool, waiting: "list[Event]") -> None:
        """After a life has ended: let everybody know that the room is not here."""
        waiting = _own(waiting)
        self.recalls.turn_away(key)
        audience = self.audience(key)
        for berth in audience.berths():
            audience.unmoor(berth)
            self._dock(berth.peer).leave(berth, asleep=asleep)
        route = self._routes.get(key)
        if route is None:
            route = self._route(key) if waiting else None
        if route is not None:
            route.take_back(waiting)
            if not asleep:
                route.needs_owner()

    def lose(self, key: RoomKey) -> None:
        """The room was lost here; what was under way may or may not have happened."""
        self.recalls.turn_away(key)
        audience = self.audience(key)
        for berth in audience.berths():
            audience.unmoor(berth)
            self._dock(berth.peer).lost(berth)
        if route := self._routes.get(key):
            route.take_back([])

    def refuse(self, key: RoomKey, waiting: "list[Event]", error: Exception) -> None:
        """The room cannot be started here: another process has it."""
        waiting = _own(waiting)
        self.recalls.turn_away(key)
        audience = self.audience(key)
        for berth in audience.berths():
            audience.unmoor(berth)
            self._dock(berth.peer).turn_away(berth)
        self._route(key).take_back(waiting)

    def named(self, key: RoomKey) -> list[UUID] | None:
        """The processes that have joined; None: sockets do not outlive the room."""
        if not registry.get(key.party).hibernate:
            return None
        return [UUID(bytes=b.peer.node) for b in self.audience(key).berths()]

    def gateways(self, key: RoomKey) -> list[UUID]:
        """The processes that have sockets of a room open."""
        found = [
            UUID(bytes=b.peer.node) for b in self.audience(key).berths() if b.lines
        ]
        return [*found, self.node_id] if len(self.local_audience(key)) else found

    def seats(self, key: RoomKey) -> dict[UUID | None, bytes]:
        """Who is connected to a room by each process, as stored; None: by this one."""
        found: dict[UUID | None, list[Profile]] = {
            UUID(bytes=berth.peer.node): [
                line.profile for line in berth.lines.values() if line.is_accepted
            ]
            for berth in self.audience(key).berths()
        }
        found[None] = [one.profile for one in self.local_audience(key).lines()]
        return {node: encode_profiles(each) for node, each in found.items() if each}

    async def flush(self) -> None:
        """Wait until every living peer has what was sent to it."""
        peers = self.hub.peers
        while not all(one.is_clear for one in peers.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    # What the parts ask

    def runs(self, key: RoomKey) -> bool:
        """Whether a room's life is in this process now."""
        return self.node.worker(key).life is not None

    def is_elsewhere(self, key: RoomKey) -> bool:
        """Whether the sockets of this process are at an owner in another one."""
        route = self._routes.get(key)
        return route is not None and route.peer is not None

    def part(self, key: RoomKey) -> None:
        """The room is this process's: its own sockets leave the owner that was."""
        route = self._routes.get(key)
        if route is not None and route.is_astray:
            route.part()
            route.come_home()

    def peer_at(self, place: Place) -> Peer:
        """The peer at a living node."""
        self._watch.know(place)
        return self.hub.peer(place.node.bytes, place.channel)

    def joined(self, route: Route) -> None:
        """A route has an owner elsewhere: it is kept, and its group joined."""
        self._joined[route.number] = route

    def parted(self, route: Route) -> None:
        """A route has no owner elsewhere any more."""
        self._joined.pop(route.number, None)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start a task that ends with the node at the latest."""
        return self.node.spawn(coroutine)

    # What comes

    def _receive(self, peer: Peer, item: Any) -> None:
        if isinstance(item, (*ANSWERS, *STREAMED)):
            self.asks.receive(peer, item)
        elif isinstance(item, items.Granted | items.StreamLeft):
            self._dock(peer).streams.receive(item)
        elif isinstance(item, _FROM_OWNER):
            route = self._joined.get(item.route)
            if route is not None and route.peer is peer and route.join == item.join:
                route.receive(item)
        elif isinstance(item, items.Join):
            self._dock(peer).join(item)
        elif isinstance(item, items.Recall):
            self._dock(peer).recall(item)
        elif isinstance(item, items.Broadcast):
            route = self._routes.get(RoomKey(item.party, item.room_id))
            if route is not None and route.peer is peer:
                route.broadcast(item)
        elif isinstance(item, items.Who):
            route = self._route(RoomKey(item.party, item.room_id))
            if route.peer is not peer:
                route.summon(peer, at_once=item.was_displaced)
        else:
            self._dock(peer).receive(item)

    def _broken(self, peer: Peer, is_dead: bool) -> None:
        dock = self._docks.pop(peer.node, None)
        if dock is not None:
            dock.lose(is_dead=is_dead)
        self.asks.broken(peer)
        for route in tuple(self._joined.values()):
            if route.peer is peer:
                route.broken(is_dead=is_dead)

    def _route(self, key: RoomKey) -> Route:
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = Route(key, next(self._numbers), self)
        return route

    def _dock(self, peer: Peer) -> Dock:
        dock = self._docks.get(peer.node)
        if dock is None:
            dock = self._docks[peer.node] = Dock(peer, self)
        return dock

    async def _enroll(self) -> None:
        delay = 0.1
        while True:
            try:
                await self.node.store.enroll()
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
    items.Send,
    items.Handled,
    items.Marked,
    items.Settled,
    items.Accept,
    items.Keep,
    items.Close,
    items.Joined,
    items.Refused,
    items.Lost,
    items.HandedOver,
)


def _own(waiting: "list[Event]") -> "list[Event]":
    """The events of this process, which another owner could handle."""
    return [one for one in waiting if one.receipt is None and one.travels]


def shared_layer(alias: str) -> Layer | None:
    """The project's channel layer; None: there is none that others could share."""
    if alias not in getattr(django_settings, "CHANNEL_LAYERS", {}):
        return None
    layer = get_channel_layer(alias)
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        return None
    found: Layer = layer
    return found
