"""A gateway's way to a room whose sockets outlive its owner."""

from partyrooms.cluster.route import Route
from partyrooms.core.delivery_log import Received, ReceivedLog
from partyrooms.core.recovery import RecoveryResult
from partyrooms.core.wire import to_gateway, to_room
from partyrooms.exceptions import RoomStopped
from partyrooms.ports.sockets import Closing
from partyrooms.runtime.events import LOST_OUTPUTS, Event
from partyrooms.runtime.worker import Worker


class RecoveringRoute(Route):
    """
    A route to a room whose sockets outlive its owner; a ``ReportingGateway`` too.

    When the owner dies, the route keeps how far it was served (the past), and what it
    had sent. It sends nothing more until the next owner has decided what becomes of it.
    """

    _log: ReceivedLog | None = None
    """How far the present owner has served it; None: no other process is the owner."""

    _unresolved: Received | None = None
    """The past: how far an owner that is gone has served it, until that is resolved."""

    @property
    def taker(self) -> Worker | None:
        """The worker that takes events now; None: they wait here."""
        return self.worker if self._unresolved is None else None

    @property
    def is_elsewhere(self) -> bool:
        """Whether an owner elsewhere has it, or had it and is gone."""
        is_unresolved = self._unresolved is not None and self.worker is None
        return self.link is not None or is_unresolved

    # What it reports to the next owner

    @property
    def node(self) -> bytes:
        """This process, as the room's next owner names it."""
        return self._context.node_id.bytes

    @property
    def received(self) -> Received:
        """How far the owner that is gone has served it."""
        return self._unresolved or Received(epoch=0, join=0)

    def resolve(self, result: RecoveryResult) -> None:
        """The next owner has decided what becomes of the past."""
        if self._unresolved is None:
            return
        self._unresolved = None
        worker, link = self.worker, self.link
        if result.is_lost:
            self.lose(LOST_OUTPUTS)
        else:
            self.queue.confirm(result.handled)
            self._fail_requests()
            self.queue.resend()
        if worker is not None:
            self._joined.pop(self.number, None)
            self.begin_here(worker)
        elif link is not None:
            self.follow(link)

    def turn_away(self) -> None:
        """The room is not this process's after all, or cannot be started now."""
        self.refusals += 1
        self.unsettle()
        self.find()

    # What differs from rooms whose sockets end with the owner

    def begin_here(self, worker: Worker) -> None:
        """A worker of this process has the room: report to it, or hand events over."""
        if self._unresolved is None:
            super().begin_here(worker)
        else:
            self._context.recover_requests.add(self.key, self)

    def begin_elsewhere(self) -> None:
        """Report to the room's next owner, or join the room there."""
        if self._unresolved is None:
            self._log = ReceivedLog(self.join)
            super().begin_elsewhere()
            return
        self.send(
            to_room.RecoverRequest,
            party=self.key.party,
            room_id=self.key.room_id,
            received=self._unresolved,
        )

    def unsettle(self) -> None:
        """Know no owner any more; a past stays as it is."""
        if self._unresolved is None:
            self._log = None
            super().unsettle()
        else:
            self.forget_owner()

    def take_back(self, waiting: list[Event], *, refused: bool = False) -> None:
        """A worker of this process gives back what it did not handle."""
        super().take_back(waiting, refused=refused)
        if self._unresolved is not None:
            self.find()

    def pump(self) -> None:
        """Send what waits, unless the past is not resolved yet."""
        if self._unresolved is None:
            super().pump()

    def receive(self, message: to_gateway.ToGateway) -> None:
        """Do what the room's owner sends, and note how far it has served the route."""
        if isinstance(message, to_gateway.Recovered):
            self.resolve(message.result)
            return
        if isinstance(message, to_gateway.Marked):
            mark = message.mark
            if self._log is not None:
                self._log.mark(mark, message.size)
            self.confirm(mark.handled)
            return
        super().receive(message)
        if self._log is None:
            return
        if isinstance(message, to_gateway.Joined):
            self._log.begin(message.epoch)
        elif isinstance(message, to_gateway.ToSocket):
            self._log.message()

    def broadcast(self, message: to_gateway.Broadcast) -> None:
        """Queue a frame at this process's sockets, unless it is of another life."""
        if self._log is not None and message.epoch == self._epoch:
            self._log.message()
        super().broadcast(message)

    def broken(self, *, is_dead: bool) -> None:
        """Everything under way to and from the owner is lost."""
        if self._unresolved is None:
            super().broken(is_dead=is_dead)
        else:  # It was to decide about another one's past.
            self.unsettle()
            self.needs_owner()

    def part(self) -> None:
        """The owner is gone; the sockets stay, and how far it served them is kept."""
        if self._unresolved is not None:
            return
        if self._log is None:
            super().part()
            return
        self._unresolved, self._log = self._log.received(), None
        self._fail_requests()
        self.unsettle()

    def end(self, closing: Closing) -> None:
        """This process reaches nobody any more: neither do its sockets."""
        self._unresolved = None
        super().end(closing)

    def give_up(self, error: Exception) -> None:
        """No owner was found: the past will not be resolved."""
        if self._unresolved is not None:
            self._unresolved = None
            self.lose(LOST_OUTPUTS)
        super().give_up(error)

    def _fail_requests(self) -> None:
        """Nobody will answer what was asked, but for what can be asked again."""
        again = {getattr(event, "reply", None) for event in self.queue.unhandled}
        stopped = RoomStopped(f"{self.key} has lost its owner.")
        self._context.pending.fail(self, stopped, keep=again)
