"""This process's routes to rooms, and what comes back on them."""

from partyrooms import registry
from partyrooms.cluster.by_room import ByRoom
from partyrooms.cluster.contained import contained
from partyrooms.cluster.context import Context
from partyrooms.cluster.link import Link
from partyrooms.cluster.recovery.route import RecoveringRoute
from partyrooms.cluster.route import Route
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.to_gateway import (
    Announcement,
    Broadcast,
    JoinRequest,
    ToGateway,
)
from partyrooms.runtime.events import LOST_OUTPUTS
from partyrooms.runtime.starter import MOVED


class Routes(ByRoom[Route]):
    """
    One route for each room that this process's gateways have to do with.

    Args:
        context: This process's.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(self._new)
        self._context = context
        self._joined: dict[int, Route] = {}

    def _new(self, key: RoomKey) -> Route:
        kind = RecoveringRoute if registry.get(key.party).hibernate else Route
        return kind(key, self._context, self._joined)

    def joined(self) -> tuple[Route, ...]:
        """Those whose owners are elsewhere, which are kept."""
        return tuple(self._joined.values())

    def receive(self, link: Link, message: ToGateway | Announcement) -> None:
        """Give an owner's message to the route; one of an earlier join is dropped."""
        if isinstance(message, ToGateway):
            route = self._joined.get(message.route)
            if route is not None and route.link is link and route.join == message.join:
                route.receive(message)
            return
        key = RoomKey(message.party, message.room_id)
        if isinstance(message, Broadcast):
            route = self.get(key)
            if route is not None and route.link is link:
                route.broadcast(message)
        elif isinstance(message, JoinRequest):
            route = self.of(key)
            if route.link is not link:
                route.redirect(link, at_once=message.was_displaced)

    def broken(self, link: Link, *, is_dead: bool) -> None:
        """Everything under way to and from a process is lost."""
        for route in self.joined():
            if route.link is link:
                with contained(f"The lost link of {route.key}"):
                    route.broken(is_dead=is_dead)

    def pump(self) -> None:
        """Send what waits, where a link was full and has space again."""
        for route in self.joined():
            with contained(f"What waits for {route.key}"):
                route.pump()

    def renew(self) -> None:
        """Join the groups again: a layer forgets members."""
        for route in self.joined():
            route.group.renew()

    def close(self) -> None:
        """Reach nobody any more."""
        for route in self.joined():
            is_lost = registry.get(route.key.party).hibernate
            route.end(LOST_OUTPUTS if is_lost else MOVED)

    def is_elsewhere(self, key: RoomKey) -> bool:
        """Whether the sockets of this process are at an owner in another one."""
        route = self.get(key)
        return route is not None and route.link is not None

    def part(self, key: RoomKey) -> None:
        """The room is here now: move this process's own sockets to its worker."""
        route = self.get(key)
        if route is not None and route.is_elsewhere:
            route.part()
            route.unsettle()
            route.turn_to(self._context.rooms.worker(key))
