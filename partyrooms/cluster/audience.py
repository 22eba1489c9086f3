"""All sockets of one room that this process owns: its own, and those elsewhere."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain

from partyrooms.cluster.gateway import Gateway
from partyrooms.cluster.recovery.delivery_marks import DeliveryMarks
from partyrooms.cluster.transport import Transport
from partyrooms.core.delivery_log import SentLog
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.to_gateway import Broadcast as BroadcastMessage
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.ports.records import Claim
from partyrooms.ports.sockets import Broadcast, Socket


class ClusterAudience:
    """
    An ``Audience`` over processes.

    Attributes:
        delivery_log: Numbers the turns of the room's present life; None: its sockets
            do not outlive it, or it has none.

    Args:
        key: The room.
        local: The sockets in this process.
        transport: The way to the others.
    """

    def __init__(
        self, key: RoomKey, local: LocalAudience, transport: Transport
    ) -> None:
        self.delivery_log: DeliveryMarks | None = None
        self._epoch = 0
        self._key = key
        self._local = local
        self._transport = transport
        self._gateways: dict[bytes, Gateway] = {}

    def open(self, claim: Claim, *, hibernates: bool) -> DeliveryMarks | None:
        """A life begins: each gateway gets its epoch before anything else of it."""
        self._epoch = claim.epoch
        if hibernates:
            listed = {one.bytes for one in claim.gateways} - {self._transport.node}
            log = SentLog(claim.epoch, listed)
            self.delivery_log = DeliveryMarks(log, self._gateways.values())
        for gateway in self._gateways.values():
            if self.delivery_log is not None:
                self.delivery_log.enter(gateway)
            gateway.open(claim.epoch)
        return self.delivery_log

    def close(self) -> None:
        """The life is over."""
        self.delivery_log = None

    def has(self, gateway: Gateway) -> bool:
        """Whether it has joined by this route and is still here."""
        return self._gateways.get(gateway.link.node) is gateway

    def add(self, gateway: Gateway) -> None:
        """It has joined; it may have before."""
        self._gateways[gateway.link.node] = gateway

    def remove(self, gateway: Gateway) -> None:
        """It has left, or was left."""
        if self.has(gateway):
            del self._gateways[gateway.link.node]

    def gateways(self) -> tuple[Gateway, ...]:
        """Every one that has joined."""
        return tuple(self._gateways.values())

    def broadcast(self, broadcast: Broadcast) -> None:
        """Queue a frame at each socket but those whose ids are left out."""
        self._local.broadcast(broadcast)
        joined = self._gateways.values()
        gateways = [one for one in joined if one.sockets and one.is_open]
        if not gateways:
            return
        frame, without = broadcast
        message = BroadcastMessage(
            party=self._key.party,
            room_id=self._key.room_id,
            epoch=self._epoch,
            payload=frame.payload,
            without=sorted(without),
        )
        self.send(gateways, partial(self._post, encode_message(message), gateways))

    def send(self, gateways: list[Gateway], post: Callable[[], None]) -> None:
        """Post something to gateways, or keep it for the turn that is being sent."""
        if self.delivery_log is not None and self.delivery_log.is_sending:
            self.delivery_log.keep(gateways, post)
        else:
            post()

    def _post(self, message: bytes, gateways: list[Gateway]) -> None:
        links = [one.link for one in gateways if self.has(one)]
        for link in [link for link in links if link.is_full]:
            self._transport.break_link(link)
            links.remove(link)
        if len(links) == 1:
            links[0].send(message)
        elif links:
            self._transport.send_to_group(self._key.group_name, message, links)

    def sockets_by_node(self) -> dict[bytes, list[Socket]]:
        """The sockets that were let in, by their processes, this one first."""
        found: dict[bytes, list[Socket]] = {
            self._transport.node: [*self._local.sockets()]
        }
        for node, gateway in self._gateways.items():
            found[node] = [one for one in gateway.sockets.values() if one.is_accepted]
        return found

    def sockets(self) -> Iterable[Socket]:
        return chain.from_iterable(self.sockets_by_node().values())
