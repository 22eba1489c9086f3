"""The owner's side of one peer's routes: it gives their events to workers."""

import asyncio
from typing import TYPE_CHECKING, Any

from partyrooms.cluster.link import Peer
from partyrooms.cluster.recovery.takeover import RemoteRecaller
from partyrooms.cluster.replies import reply_item
from partyrooms.cluster.streams import Outflows
from partyrooms.cluster.subscription import Berth
from partyrooms.core import wire as items
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import BadRoomId, PartyroomsError
from partyrooms.runtime import events

if TYPE_CHECKING:
    from partyrooms.cluster.audience import RoomAudience
    from partyrooms.cluster.cluster import LayerBus
    from partyrooms.runtime.worker import Worker


class Dock:
    """
    Everything that one peer's gateways ask of this process's rooms.

    Args:
        peer: Whose.
        bus: Has the workers.
    """

    def __init__(self, peer: Peer, bus: "LayerBus") -> None:
        self.peer = peer
        self._bus = bus
        self._berths: dict[int, Berth] = {}
        self.streams = Outflows(self)

    def join(self, item: items.Join) -> None:
        """Let a route reach its room here, if the room can be here."""
        worker = self._worker(item)
        if worker is None:
            self.refuse(item)
            return
        berth = self._berths[item.route] = Berth(self, item, worker)
        berth.audience.moor(berth)
        worker._put(events.Arrival(berth))

    def recall(self, item: items.Recall) -> None:
        """Let the room say what becomes of a route's past, if it can be here."""
        worker = self._worker(item)
        if worker is None:
            self.refuse(item)
        else:
            self._bus.recalls.add(worker.key, RemoteRecaller(self, item))

    def _worker(self, item: items.Join | items.Recall) -> "Worker | None":
        try:
            key = RoomKey(item.party, item.room_id)
        except BadRoomId:
            return None
        if not self._bus.placement.takes_rooms and not self._bus.runs(key):
            return None
        return self._bus.node.worker(key)

    def receive(self, item: Any) -> None:
        """Give an event of a route to its room; one of an earlier join is void."""
        berth = self._berths.get(item.route)
        if berth is not None and berth.join == item.join:
            berth.receive(item)

    def is_current(self, berth: Berth) -> bool:
        """Whether a berth's route has not joined anew, or left."""
        return self._berths.get(berth._route) is berth

    def leave(self, berth: Berth, *, asleep: bool) -> None:
        """Tell a route that its room is given up here."""
        self._part(berth, items.HandedOver, asleep=asleep)

    def lost(self, berth: Berth) -> None:
        """Tell a route that its room was lost, and what was under way with it."""
        self._part(berth, items.Lost)

    def turn_away(self, berth: Berth) -> None:
        """Tell a route that its room cannot be run here."""
        self._part(berth, items.Refused)

    def _part(self, berth: Berth, kind: type[items.Item], **values: Any) -> None:
        berth.send(kind, **values)
        if self.is_current(berth):
            del self._berths[berth._route]

    def audience_of(self, worker: "Worker") -> "RoomAudience":
        """All sockets of a room; whoever asks keeps it."""
        return self._bus.audience(worker.key)

    def end(self, berth: Berth, item: items.StopAsked) -> None:
        """Stop or delete a berth's room, and say when it is done."""
        reply = berth.promise(item.ask, items.Returned)
        self._bus.spawn(end_room(berth.worker, item.delete, reply))

    def answer(
        self, kind: type[items.Reply], ask: int, done: "asyncio.Future[Any]"
    ) -> None:
        """Say what became of a question, and let a stream follow that it promises."""
        reply = reply_item(kind, ask, done)
        self.send(reply)
        if isinstance(reply, items.Answered) and done.result().stream is not None:
            self.streams.begin(ask, done.result().stream)

    def refuse(self, item: items.Join | items.Recall) -> None:
        """Tell a route that its room cannot be here."""
        self.send(items.Refused(route=item.route, join=item.join))

    def send(self, item: Any) -> None:
        """Put an item on the link."""
        self.post(items.encode_item(item))

    def post(self, item: bytes) -> None:
        """Put bytes on the link; one that is full is given up, sockets and all."""
        if self.peer.is_full:
            self._bus.hub.break_link(self.peer)
            return
        self.peer.send(item)

    def lose(self, *, is_dead: bool) -> None:
        """The peer is gone: so are its sockets and the readers of streams."""
        self.streams.lose()
        berths = tuple(self._berths.values())
        self._berths.clear()
        for berth in berths:
            berth.lose(is_dead=is_dead)


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
