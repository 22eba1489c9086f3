"""All sockets of one room that this process owns: its own, and those of its peers."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from partyrooms.cluster.delivery_marks import DeliveryMarks
from partyrooms.core import wire as wire
from partyrooms.core.delivery_log import SentLog
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.ports.sockets import Broadcast, Socket

if TYPE_CHECKING:
    from partyrooms.cluster.subscription import Subscription
    from partyrooms.cluster.transport import Transport
    from partyrooms.ports.records import Claim


class ClusterAudience:
    """
    An ``Audience`` over processes.

    Args:
        key: The room.
        local: The sockets in this process.
        transport: The way to the others.
    """

    def __init__(
        self, key: RoomKey, local: LocalAudience, transport: "Transport"
    ) -> None:
        self.delivery_log: DeliveryMarks | None = None
        self._epoch = 0
        self._key = key
        self._local = local
        self._transport = transport
        self._subscriptions: dict[bytes, Subscription] = {}

    def open(self, claim: "Claim", *, hibernates: bool) -> "DeliveryMarks | None":
        """A life begins: tell each peer before anything else of it."""
        self._epoch = claim.epoch
        if hibernates:
            named = {one.bytes for one in claim.gateways} - {self._transport.node}
            self.delivery_log = DeliveryMarks(SentLog(claim.epoch, named), self)
        for subscription in self._subscriptions.values():
            if self.delivery_log is not None:
                self.delivery_log.enter(subscription)
            subscription.open(claim.epoch)
        return self.delivery_log

    def close(self) -> None:
        """The life is over."""
        self.delivery_log = None

    def has(self, subscription: "Subscription") -> bool:
        """Whether a peer has joined by this subscription and is still here."""
        return self._subscriptions.get(subscription.link.node) is subscription

    def add(self, subscription: "Subscription") -> None:
        """A peer has joined; it may have before."""
        self._subscriptions[subscription.link.node] = subscription

    def remove(self, subscription: "Subscription") -> None:
        """A peer has left."""
        if self._subscriptions.get(subscription.link.node) is subscription:
            del self._subscriptions[subscription.link.node]

    def subscriptions(self) -> "tuple[Subscription, ...]":
        """Every peer that has joined."""
        return tuple(self._subscriptions.values())

    def broadcast(self, broadcast: Broadcast) -> None:
        """Queue a frame at each socket but those whose ids are left out."""
        self._local.broadcast(broadcast)
        subscriptions = [
            one for one in self._subscriptions.values() if one.sockets and one.is_open
        ]
        if not subscriptions:
            return
        frame, without = broadcast
        message = wire.encode_message(
            wire.Broadcast(
                party=self._key.party,
                room_id=self._key.room_id,
                epoch=self._epoch,
                payload=frame.payload,
                without=sorted(without),
            )
        )
        if self.delivery_log is not None and self.delivery_log.is_leaving:
            self.delivery_log.keep(
                subscriptions, partial(self._post, message, subscriptions)
            )
        else:
            self._post(message, subscriptions)

    def _post(self, message: bytes, subscriptions: "list[Subscription]") -> None:
        links = [
            subscription.link
            for subscription in subscriptions
            if self.has(subscription)
        ]
        for link in [link for link in links if link.is_full]:
            self._transport.break_link(link)
            links.remove(link)
        if len(links) == 1:
            links[0].send(message)
        elif links:
            self._transport.send_to_group(self._key.group_name, message, links)

    def sockets(self) -> Iterable[Socket]:
        """Every socket that was let in."""
        remote: list[Any] = [
            socket
            for subscription in self._subscriptions.values()
            for socket in subscription.sockets.values()
            if socket.is_accepted
        ]
        return [*self._local.sockets(), *remote]
