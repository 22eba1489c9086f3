"""Which of the processes that this one is linked with are alive."""

from contextlib import suppress

from partyrooms.cluster.link import Link
from partyrooms.cluster.transport import Transport
from partyrooms.exceptions import StoreUnavailable
from partyrooms.nodes.process import host, is_process_gone
from partyrooms.ports.records import Place
from partyrooms.runtime.environment import Environment


class Watch:
    """
    Buries peers that are dead: by their pid on this host, else by the directory.

    Args:
        environment: This process's.
        transport: Has the peers.
    """

    def __init__(self, environment: Environment, transport: Transport) -> None:
        self._environment = environment
        self._transport = transport
        self._here = host()
        self._places: dict[bytes, Place] = {}
        self._missed: dict[bytes, int] = {}
        self._looked_at = environment.clock()

    def know(self, place: Place) -> None:
        """Somebody has found out where a node is."""
        self._places[place.node.bytes] = place

    async def look(self) -> None:
        """Look once; to be called several times a second."""
        late = self._environment.clock() - self._looked_at
        if late >= self._environment.settings.heartbeat_interval:
            self._looked_at = self._environment.clock()
            with suppress(StoreUnavailable):
                self._compare(await self._environment.store.places())
        elif any(node not in self._places for node in self._transport.links):
            # Of a new peer it is to be known at once where its process is.
            with suppress(StoreUnavailable):
                for place in await self._environment.store.places():
                    self.know(place)
        for link in tuple(self._transport.links.values()):
            known = self._places.get(link.node)
            if known is None or known.host != self._here:
                continue
            if is_process_gone(known.pid, known.pid_started):
                self._bury(link)

    def _compare(self, places: list[Place]) -> None:
        """Peers that the directory misses twice are dead."""
        alive = {one.node.bytes: one for one in places}
        self._places.update(alive)
        for link in tuple(self._transport.links.values()):
            missed = 0 if link.node in alive else self._missed.get(link.node, 0) + 1
            self._missed[link.node] = missed
            # Once may be a node that has only just come.
            if missed >= 2:
                self._bury(link)

    def _bury(self, link: Link) -> None:
        self._missed.pop(link.node, None)
        self._places.pop(link.node, None)
        self._transport.bury(link)
