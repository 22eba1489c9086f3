"""A route's events: those that wait, and those that its owner has not handled yet."""

from collections import deque

from partyrooms.core.keys import RoomKey
from partyrooms.ports.sockets import Socket
from partyrooms.runtime.events import Event
from partyrooms.runtime.mailbox import Mailbox


class RouteQueue(Mailbox):
    """
    A mailbox whose events are sent to another process, and kept until it has them done.

    Attributes:
        unhandled: What was sent and is not known to be handled, oldest first; it counts
            toward the capacity.

    Args:
        key: Which room.
        capacity: How many events may wait or be unhandled.
    """

    __slots__ = ("_handled", "unhandled")

    def __init__(self, key: RoomKey, capacity: int) -> None:
        super().__init__(key, capacity)
        self.unhandled: deque[Event] = deque()
        self._handled = 0

    def __len__(self) -> int:
        return len(self.waiting) + len(self.unhandled)

    def left(self) -> list[Socket]:
        """Sockets that ended while the room had no owner, which the next must learn."""
        return [socket for socket in self.ends() if socket.is_accepted]

    def begin(self) -> None:
        """A join begins: the owner counts from nothing."""
        self._handled = 0

    def confirm(self, count: int) -> None:
        """So many events of this join were handled."""
        while self._handled < count and self.unhandled:
            self.done(self.unhandled.popleft())
            self._handled += 1

    def take_unhandled(self) -> list[Event]:
        """What was sent and not handled, which is forgotten."""
        unhandled = list(self.unhandled)
        while self.unhandled:
            self.done(self.unhandled.popleft())
        return unhandled

    def resend(self) -> None:
        """What was not handled waits again, in order."""
        self.put_back(self.take_unhandled())

    def abandon(self, error: Exception) -> None:
        """Nothing that waits will be handled."""
        for event in self.take_all():
            event.abandon(error)
