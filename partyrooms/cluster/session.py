"""The owner's side of one peer's routes: it gives their events to workers."""

import asyncio
from typing import TYPE_CHECKING, Any

from partyrooms.cluster.link import Link
from partyrooms.cluster.recovery.takeover import RemoteGateway
from partyrooms.cluster.replies import encode_reply
from partyrooms.cluster.streams import OutgoingStreams
from partyrooms.cluster.subscription import Subscription
from partyrooms.core import wire as wire
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import BadRoomId, PartyroomsError
from partyrooms.runtime import events

if TYPE_CHECKING:
    from partyrooms.cluster.audience import ClusterAudience
    from partyrooms.cluster.cluster import LayerCluster
    from partyrooms.runtime.worker import Worker


class PeerSession:
    """
    Everything that one peer's gateways ask of this process's rooms.

    Args:
        peer: Whose.
        cluster: Has the workers.
    """

    def __init__(self, link: Link, cluster: "LayerCluster") -> None:
        self.link = link
        self._cluster = cluster
        self._subscriptions: dict[int, Subscription] = {}
        self.streams = OutgoingStreams(self)

    def join(self, message: wire.Join) -> None:
        """Let a route reach its room here, if the room can be here."""
        worker = self._worker(message)
        if worker is None:
            self.refuse(message)
            return
        subscription = self._subscriptions[message.route] = Subscription(
            self, message, worker
        )
        subscription.audience.add(subscription)
        worker.put(events.Arrival(subscription))

    def recover(self, message: wire.RecoverRequest) -> None:
        """Let the room say what becomes of a route's past, if it can be here."""
        worker = self._worker(message)
        if worker is None:
            self.refuse(message)
        else:
            self._cluster.recover_requests.add(worker.key, RemoteGateway(self, message))

    def _worker(self, message: wire.Join | wire.RecoverRequest) -> "Worker | None":
        try:
            key = RoomKey(message.party, message.room_id)
        except BadRoomId:
            return None
        if not self._cluster.placement.takes_rooms and not self._cluster.runs(key):
            return None
        return self._cluster.rooms.worker(key)

    def receive(self, message: Any) -> None:
        """Give an event of a route to its room; one of an earlier join is void."""
        subscription = self._subscriptions.get(message.route)
        if subscription is not None and subscription.join == message.join:
            subscription.receive(message)

    def is_current(self, subscription: Subscription) -> bool:
        """Whether a subscription's route has not joined anew, or left."""
        return self._subscriptions.get(subscription._route) is subscription

    def leave(self, subscription: Subscription, *, asleep: bool) -> None:
        """Tell a route that its room is given up here."""
        self._part(subscription, wire.HandedOver, asleep=asleep)

    def lost(self, subscription: Subscription) -> None:
        """Tell a route that its room was lost, and what was under way with it."""
        self._part(subscription, wire.Lost)

    def turn_away(self, subscription: Subscription) -> None:
        """Tell a route that its room cannot be run here."""
        self._part(subscription, wire.Refused)

    def _part(
        self, subscription: Subscription, kind: type[wire.Message], **values: Any
    ) -> None:
        subscription.send(kind, **values)
        if self.is_current(subscription):
            del self._subscriptions[subscription._route]

    def audience_of(self, worker: "Worker") -> "ClusterAudience":
        """All sockets of a room; whoever asks keeps it."""
        return self._cluster.audience(worker.key)

    def end(self, subscription: Subscription, message: wire.StopAsked) -> None:
        """Stop or delete a subscription's room, and say when it is done."""
        reply = subscription.promise(message.ask, wire.Returned)
        self._cluster.spawn(end_room(subscription.worker, message.delete, reply))

    def answer(
        self, kind: type[wire.Reply], ask: int, done: "asyncio.Future[Any]"
    ) -> None:
        """Say what became of a question, and let a stream follow that it promises."""
        reply = encode_reply(kind, ask, done)
        self.send(reply)
        if isinstance(reply, wire.Answered) and done.result().stream is not None:
            self.streams.begin(ask, done.result().stream)

    def refuse(self, message: wire.Join | wire.RecoverRequest) -> None:
        """Tell a route that its room cannot be here."""
        self.send(wire.Refused(route=message.route, join=message.join))

    def send(self, message: Any) -> None:
        """Put a message on the link."""
        self.post(wire.encode_message(message))

    def post(self, message: bytes) -> None:
        """Put bytes on the link; one that is full is given up, sockets and all."""
        if self.link.is_full:
            self._cluster.transport.break_link(self.link)
            return
        self.link.send(message)

    def lose(self, *, is_dead: bool) -> None:
        """The peer is gone: so are its sockets and the readers of streams."""
        self.streams.lose()
        subscriptions = tuple(self._subscriptions.values())
        self._subscriptions.clear()
        for subscription in subscriptions:
            subscription.lose(is_dead=is_dead)


async def end_room(
    worker: "Worker", delete: bool, reply: "asyncio.Future[Any]"
) -> None:
    """Stop or delete a room of this process; the reply tells how it went."""
    try:
        await (worker.delete() if delete else worker.stop())
    except PartyroomsError as error:
        if not reply.done():
            reply.set_exception(error)
    else:
        if not reply.done():
            reply.set_result(None)
