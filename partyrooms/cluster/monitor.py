"""Which of the processes that this one is linked with are alive."""

import logging

from partyrooms.cluster.link import Link
from partyrooms.cluster.transport import Transport
from partyrooms.exceptions import StoreUnavailable
from partyrooms.nodes.process import host, is_process_gone
from partyrooms.ports.records import Place
from partyrooms.runtime.environment import Environment

logger = logging.getLogger("partyrooms.cluster")

MISSES = 2
"""How often in a row the store does not list a dead node; once may be a new one."""


class Monitor:
    """
    Gives up the links with dead processes: by their pid on this host, else as listed.

    Args:
        environment: Has the store that lists living nodes.
        transport: Has the links.
    """

    def __init__(self, environment: Environment, transport: Transport) -> None:
        self._environment = environment
        self._transport = transport
        self._host = host()
        self._places: dict[bytes, Place] = {}
        self._missed: dict[bytes, int] = {}
        self._sought: set[bytes] = set()
        self._read_at = environment.clock()
        self._is_blind = False

    def know(self, place: Place) -> None:
        """Somebody has found out where a node is."""
        self._places[place.node.bytes] = place

    async def look(self) -> None:
        """Look once; to be called several times a second."""
        now = self._environment.clock()
        if now - self._read_at >= self._environment.settings.heartbeat_interval:
            self._read_at = now
            await self._count_misses()
        else:
            await self._find_new()
        self._bury_ended()

    async def _count_misses(self) -> None:
        """Processes that the store does not list any more are dead."""
        listed = await self._read()
        if listed is None:
            return
        for link in self._links():
            missed = 0 if link.node in listed else self._missed.get(link.node, 0) + 1
            self._missed[link.node] = missed
            if missed >= MISSES:
                self._bury(link)

    async def _find_new(self) -> None:
        """Of a new process it is to be known at once where it is."""
        new = self._transport.links.keys() - self._places.keys() - self._sought
        if new and await self._read() is not None:
            self._sought |= new

    def _bury_ended(self) -> None:
        """Processes of this host that have ended are dead."""
        for link in self._links():
            place = self._places.get(link.node)
            if (
                place is not None
                and place.host == self._host
                and is_process_gone(place.pid, place.pid_started)
            ):
                self._bury(link)

    async def _read(self) -> set[bytes] | None:
        """Who is listed; None: the store does not say."""
        try:
            places = await self._environment.store.places()
        except StoreUnavailable as error:
            if not self._is_blind:
                logger.warning(
                    "Which nodes are alive is not known: %s",
                    error,
                    extra={"action": "nodes_unknown"},
                )
            self._is_blind = True
            return None
        self._is_blind = False
        for place in places:
            self.know(place)
        return {one.node.bytes for one in places}

    def _links(self) -> tuple[Link, ...]:
        return tuple(self._transport.links.values())

    def _bury(self, link: Link) -> None:
        self._missed.pop(link.node, None)
        self._places.pop(link.node, None)
        self._sought.discard(link.node)
        self._transport.bury(link)
