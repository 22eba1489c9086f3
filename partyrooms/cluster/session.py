"""The owner's side of one other process's routes: it gives their events to workers."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from partyrooms.cluster.context import Context
from partyrooms.cluster.link import Link
from partyrooms.cluster.recovery.recover_requests import RemoteReport
from partyrooms.cluster.replies import Replies
from partyrooms.cluster.subscription import Subscription
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.codec import encode_message
from partyrooms.core.wire.replies import Asked
from partyrooms.core.wire.to_gateway import Refused
from partyrooms.core.wire.to_room import (
    Entry,
    Join,
    RecoverRequest,
    StopRequested,
    ToRoom,
)
from partyrooms.exceptions import BadRoomId, PartyroomsError
from partyrooms.runtime.events import Arrival
from partyrooms.runtime.everywhere import act
from partyrooms.runtime.worker import Worker


class PeerSession:
    """
    Everything that one process's gateways ask of this process's rooms.

    Args:
        link: The link with the process.
        context: This process's.
    """

    def __init__(self, link: Link, context: Context) -> None:
        self.replies = Replies(link)
        self._link = link
        self._context = context
        self._subscriptions: dict[int, Subscription] = {}

    def receive(self, message: ToRoom | Asked) -> None:
        """Give a route's message to its room; one of an earlier join is dropped."""
        if isinstance(message, Asked):
            reply = self.replies.promise(message.request_id)
            reply.set_result(act(self._context.rooms, message.name, message.arguments))
            return
        if isinstance(message, Entry):
            self._enter(message)
            return
        subscription = self._subscriptions.get(message.route)
        if subscription is None or subscription.join != message.join:
            return
        if isinstance(message, StopRequested):
            reply = self.replies.promise(message.request_id)
            end = end_room(subscription.worker, message.delete, reply)
            self._context.environment.spawn(end)
        subscription.receive(message)

    def _enter(self, message: Entry) -> None:
        """Let a route reach its room here, if the room can be here."""
        worker = self._worker(message)
        if worker is None:
            refused = Refused(route=message.route, join=message.join)
            self._link.post(encode_message(refused))
        elif isinstance(message, Join):
            self._join(message, worker)
        elif isinstance(message, RecoverRequest):
            report = RemoteReport(self._link, message)
            self._context.recover_requests.add(worker.key, report)

    def _join(self, message: Join, worker: Worker) -> None:
        before = self._subscriptions.get(message.route)
        if before is not None:
            before.is_current = False
        audience = self._context.audiences.of(worker.key)
        subscription = self._subscriptions[message.route] = Subscription(
            message, worker, audience, self.replies, on_parted=self._forget
        )
        audience.add(subscription)
        worker.put(Arrival(subscription))

    def _worker(self, message: Entry) -> Worker | None:
        try:
            key = RoomKey(message.party, message.room_id)
        except BadRoomId:
            return None
        worker = self._context.rooms.worker(key)
        can_be_here = self._context.placement.takes_rooms or worker.life is not None
        return worker if can_be_here else None

    def _forget(self, subscription: Subscription) -> None:
        if self._subscriptions.get(subscription.route) is subscription:
            del self._subscriptions[subscription.route]

    def lose(self, *, is_dead: bool) -> None:
        """The process is gone: so are its sockets and the readers of streams."""
        self.replies.streams.lose()
        subscriptions = tuple(self._subscriptions.values())
        self._subscriptions.clear()
        for subscription in subscriptions:
            subscription.is_current = False
        for subscription in subscriptions:
            subscription.lose(is_dead=is_dead)


async def end_room(worker: Worker, delete: bool, reply: "asyncio.Future[Any]") -> None:
    """Stop or delete a room of this process; the reply tells how it went."""
    end: Awaitable[None] = worker.delete() if delete else worker.stop()
    try:
        await end
    except PartyroomsError as error:
        if not reply.done():
            reply.set_exception(error)
    else:
        if not reply.done():
            reply.set_result(None)
