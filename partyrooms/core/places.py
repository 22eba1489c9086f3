"""Who may put more events into a mailbox, and who waits for that, in which order."""

from collections import deque
from typing import Generic, Protocol, TypeVar

MIN_SHARE = 10
"""Events of one sender that may wait in any mailbox that is not smaller."""

Waiter = TypeVar("Waiter")


class Sender(Protocol):
    """
    Whoever has a share of a mailbox.

    Attributes:
        waiting: How many of its events wait.
    """

    waiting: int


class Places(Generic[Waiter]):
    """
    The places of one mailbox, and a share of them for each sender.

    What a sender sends is always taken; then it waits, until that event has a place and
    its share is not full. So the mailbox is exceeded by one event of each sender at
    most. Newcomers have no event in it yet, and wait for a place first.

    This has no events and wakes nobody: it is told how many events there are, and says
    who is to be woken.

    Attributes:
        capacity: How many events may wait.
        share: How many of one sender's.

    Args:
        capacity: See above.
    """

    __slots__ = ("_door", "_held", "_newcomers", "capacity", "share")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.share = min(capacity, max(MIN_SHARE, capacity // 100))
        self._door: deque[Waiter] = deque()
        self._newcomers = 0
        self._held: dict[Sender, Waiter] = {}

    def must_wait(self, sender: Sender, events: int) -> bool:
        """Whether a sender that has put an event in is to wait; so many wait now."""
        return sender.waiting >= self.share or events > self.capacity

    def wait_at_door(self, waiter: Waiter) -> None:
        """Wait behind all who do, for the place of an event that was put in."""
        self._door.append(waiter)

    def wait_as_newcomer(self, waiter: Waiter) -> None:
        """Wait behind all who do; ``newcomer_left`` follows, whatever happens."""
        self._door.append(waiter)
        self._newcomers += 1

    def newcomer_left(self) -> None:
        """A newcomer puts its event in now, or has given up."""
        self._newcomers -= 1

    def give_up(self, waiter: Waiter) -> None:
        """Wait at the door no longer; it may have a place already."""
        if waiter in self._door:
            self._door.remove(waiter)

    def placed(self, events: int) -> list[Waiter]:
        """Who at the door has a place now that so many events wait, in order."""
        without = max(0, events + self._newcomers - self.capacity)
        return [self._door.popleft() for _ in range(len(self._door) - without)]

    def hold(self, sender: Sender, waiter: Waiter) -> None:
        """Wait until half of a sender's share is free; one waits for each sender."""
        self._held[sender] = waiter

    def release(self, sender: Sender) -> None:
        """Wait for a share no longer; it may have one already."""
        self._held.pop(sender, None)

    def has_share(self, sender: Sender) -> Waiter | None:
        """Who waits for a sender's share, if half of it is free: once for many."""
        if sender.waiting > self.share // 2:
            return None
        return self._held.pop(sender, None)

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits at all."""
        return bool(self._door or self._held)
