"""What the parts of one process's cluster share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakValueDictionary

from partyrooms.cluster.audience import ClusterAudience
from partyrooms.cluster.by_room import ByRoom
from partyrooms.cluster.link import Link
from partyrooms.cluster.pending import PendingRequests
from partyrooms.cluster.placement import Placement
from partyrooms.cluster.recovery.recover_requests import RecoverRequests
from partyrooms.cluster.transport import Transport
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.ports.records import Place
from partyrooms.runtime.environment import Environment
from partyrooms.runtime.room_table import RoomTable


@dataclass(slots=True, kw_only=True)
class Context:
    """
    What the parts of one process's cluster share.

    Attributes:
        environment: What this process's rooms share.
        rooms: This process's rooms.
        node_id: This process's id.
        transport: The links with other processes.
        link_to: Gives the link with the process of a place.
        placement: Chooses owners.
        numbers: Gives each route, socket and request its own number.
        sockets: This process's sockets, by number.
        local_audiences: A room's sockets in this process.
        audiences: All sockets of a room that this process owns.
        pending: What this process has asked others.
        recover_requests: The gateways that wait for rooms that begin here.
    """

    environment: Environment
    rooms: RoomTable
    node_id: UUID
    transport: Transport
    link_to: Callable[[Place], Link]
    placement: Placement
    numbers: Iterator[int]
    sockets: WeakValueDictionary[int, LocalSocket]
    local_audiences: ByRoom[LocalAudience]
    audiences: ByRoom[ClusterAudience]
    pending: PendingRequests
    recover_requests: RecoverRequests
