"""
A link: numbered messages from one process to another over a layer that may lose them.

Each direction has a ``Sender`` at one end and a ``Receiver`` at the other. Messages are
numbered from 1; the receiver hands them on in order, each once, and acknowledges them
cumulatively; what is not acknowledged in time is sent again. A *generation* counts the
lives of the pair of directions: when one end gives up, both begin anew in a higher one.
"""

from collections import deque

RESEND_AFTER = 0.5
"""Seconds without an acknowledgement after which messages are sent again, at first."""

MAX_RESEND_AFTER = 2.0
"""Seconds; the time doubles with each attempt up to this."""

RESEND_SIZE = 256 * 1024
"""Bytes that are sent again at once; the rest follows when these are acknowledged."""

MAX_AHEAD = 10_000
"""Messages kept that came before an earlier one; more are dropped and come again."""

Message = tuple[int, bytes]
"""A number and what is sent under it."""


class Sender:
    """
    The outgoing end.

    Args:
        max_messages: How many may wait for an acknowledgement.
        max_size: Bytes that may.
    """

    __slots__ = (
        *("_max_messages", "_max_size", "_unacknowledged", "_size", "_last"),
        *("_sent_at", "_patience", "_progress_at", "_is_hurried"),
    )

    def __init__(self, *, max_messages: int, max_size: int) -> None:
        self._max_messages = max_messages
        self._max_size = max_size
        self._unacknowledged: deque[Message] = deque()
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
            len(self._unacknowledged) >= self._max_messages
            or self._size >= self._max_size
        )

    def push(self, message: bytes, now: float) -> int:
        """
        Take a message and say its number; it is to be sent at once.

        Args:
            message: What to send.
            now: Seconds on the caller's clock.
        """
        if not self._unacknowledged:
            self._sent_at = self._progress_at = now
        self._last += 1
        self._unacknowledged.append((self._last, message))
        self._size += len(message)
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

    def due(self, now: float) -> list[Message]:
        """What is to be sent again now, oldest first; usually nothing."""
        is_hurried, self._is_hurried = self._is_hurried, False
        if not self._unacknowledged:
            return []
        if now - self._sent_at < self._patience and not is_hurried:
            return []
        self._sent_at = now
        if not is_hurried:
            self._patience = min(2 * self._patience, MAX_RESEND_AFTER)
        again: list[Message] = []
        size = 0
        for number, message in self._unacknowledged:
            again.append((number, message))
            size += len(message)
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

    def receive(self, number: int, message: bytes) -> list[bytes]:
        """
        Take a message from the layer.

        Returns:
            What can be handed on now, in order: nothing, if the message came before or
            an earlier one is missing.
        """
        if number != self._expected:
            if number > self._expected and len(self._ahead) < MAX_AHEAD:
                self._ahead[number] = message
            return []
        ready = [message]
        self._expected += 1
        while self._expected in self._ahead:
            ready.append(self._ahead.pop(self._expected))
            self._expected += 1
        return ready
