"""
A link: numbered items from one process to another over a layer that may lose them.

Each direction has a ``Sender`` at one end and a ``Receiver`` at the other. Items are
numbered from 1; the receiver hands them on in order, each once, and acknowledges them
cumulatively; what is not acknowledged in time is sent again. A *generation* counts the
lives of the pair of directions: when one end gives up, both begin anew in a higher one.
"""

from collections import deque

RESEND_AFTER = 0.5
"""Seconds without an acknowledgement after which items are sent again, at first."""

MAX_RESEND_AFTER = 2.0
"""Seconds; the time doubles with each attempt up to this."""

RESEND_SIZE = 256 * 1024
"""Bytes that are sent again at once; the rest follows when these are acknowledged."""

MAX_AHEAD = 10_000
"""Items kept that came before an earlier one; more are dropped and come again."""

Item = tuple[int, bytes]
"""A number and what is sent under it."""


class Sender:
    """
    The outgoing end.

    Args:
        max_items: How many may wait for an acknowledgement.
        max_size: Bytes that may.
    """

    __slots__ = (
        *("_max_items", "_max_size", "_unacknowledged", "_size", "_last"),
        *("_sent_at", "_patience", "_progress_at", "_is_hurried"),
    )

    def __init__(self, *, max_items: int, max_size: int) -> None:
        self._max_items = max_items
        self._max_size = max_size
        self._unacknowledged: deque[Item] = deque()
        self._size = 0
        self._last = 0
        self._sent_at = 0.0
        self._patience = RESEND_AFTER
        self._progress_at = 0.0
        self._is_hurried = False

    @property
    def is_full(self) -> bool:
        """Whether nothing should be pushed before something is acknowledged."""
        return (
            len(self._unacknowledged) >= self._max_items or self._size >= self._max_size
        )

    def push(self, item: bytes, now: float) -> int:
        """
        Take an item and say its number; it is to be sent at once.

        Args:
            item: What to send.
            now: Seconds on the caller's clock.
        """
        if not self._unacknowledged:
            self._sent_at = self._progress_at = now
        self._last += 1
        self._unacknowledged.append((self._last, item))
        self._size += len(item)
        return self._last

    def acknowledge(self, number: int, now: float) -> None:
        """Forget everything up to a number: the other end has it."""
        waiting = self._unacknowledged
        if not waiting or waiting[0][0] > number:
            return
        while waiting and waiting[0][0] <= number:
            self._size -= len(waiting.popleft()[1])
        self._sent_at = self._progress_at = now
        self._patience = RESEND_AFTER

    def hurry(self) -> None:
        """The way was closed and is open again: what waits is due now."""
        self._patience = RESEND_AFTER
        self._is_hurried = True

    def due(self, now: float) -> list[Item]:
        """What is to be sent again now, oldest first; usually nothing."""
        is_hurried, self._is_hurried = self._is_hurried, False
        if not self._unacknowledged:
            return []
        if now - self._sent_at < self._patience and not is_hurried:
            return []
        self._sent_at = now
        if not is_hurried:
            self._patience = min(2 * self._patience, MAX_RESEND_AFTER)
        again: list[Item] = []
        size = 0
        for number, item in self._unacknowledged:
            again.append((number, item))
            size += len(item)
            if size >= RESEND_SIZE:
                break
        return again

    def stalled(self, now: float) -> float:
        """Seconds since the other end last acknowledged what waits; 0: nothing does."""
        return now - self._progress_at if self._unacknowledged else 0.0


class Receiver:
    """The incoming end."""

    __slots__ = ("_ahead", "_expected")

    def __init__(self) -> None:
        self._expected = 1
        self._ahead: dict[int, bytes] = {}

    @property
    def acknowledged(self) -> int:
        """The number up to which everything has come."""
        return self._expected - 1

    def receive(self, number: int, item: bytes) -> list[bytes]:
        """
        Take an item from the layer.

        Returns:
            What can be handed on now, in order: nothing, if the item came before or an
            earlier one is missing.
        """
        if number != self._expected:
            if number > self._expected and len(self._ahead) < MAX_AHEAD:
                self._ahead[number] = item
            return []
        ready = [item]
        self._expected += 1
        while self._expected in self._ahead:
            ready.append(self._ahead.pop(self._expected))
            self._expected += 1
        return ready
