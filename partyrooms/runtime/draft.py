"""Writes that may still be dropped: a turn's, and those of a block inside of it."""

from collections.abc import Mapping
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Optional

from partyrooms.core.quota import Quota
from partyrooms.core.writes import UNKNOWN, WriteSet

if TYPE_CHECKING:
    from partyrooms.runtime.turn import Turn

block: ContextVar["Draft | None"] = ContextVar("partyrooms_block", default=None)
"""The innermost ``transaction()`` of the running code; each task has its own."""


outside: ContextVar[Context | None] = ContextVar("partyrooms_outside", default=None)
"""What was around the ``atomic()`` of the running code; None: it is in none."""


class Draft:
    """
    What the running code has written, on top of what the room holds.

    Attributes:
        turn: Whose writes.
        outer: The draft that takes them over; None: the room, when the turn ends.
        writes: What was written here.
        growth: Bytes by which the room grows if they are kept.
        is_dropped: Its block has failed.
    """

    __slots__ = ("_has_ended", "growth", "is_dropped", "outer", "turn", "writes")

    def __init__(self, turn: "Turn", outer: Optional["Draft"] = None) -> None:
        self.turn = turn
        self.outer = outer
        self.writes = WriteSet()
        self.growth = 0
        self.is_dropped = False
        self._has_ended = False

    @property
    def is_open(self) -> bool:
        """Whether its block, or its turn, goes on."""
        return self.turn.is_open if self.outer is None else not self._has_ended

    def layers(self) -> list[WriteSet]:
        """The writes that the running code sees, oldest first."""
        outer = [] if self.outer is None else self.outer.layers()
        return [*outer, self.writes]

    def put(self, values: Mapping[bytes, bytes], quota: Quota) -> None:
        """
        Write values, or none of them if one does not fit.

        Raises:
            StorageLimitExceeded: If a value or the room would be too large.
        """
        total = before = self._total(quota)
        for key, value in values.items():
            total += quota.growth(
                key, len(value), before=self._size(key, quota), total=total
            )
        self.growth += total - before
        for key, value in values.items():
            self.writes.put(key, value)

    def delete(self, key: bytes, quota: Quota) -> None:
        """Remove a key, whether it exists or not."""
        self.growth -= self._size(key, quota)
        self.writes.delete(key)

    def clear(self, quota: Quota) -> None:
        """Remove everything; what is around the block stays as it is until it ends."""
        self.growth -= self._total(quota)
        self.writes.clear()

    def take(self) -> WriteSet | None:
        """All writes so far, which are the draft's no more; None: there are none."""
        writes, self.writes = self.writes, WriteSet()
        self.growth = 0
        return writes if writes else None

    def give_back(self, writes: WriteSet, growth: int) -> None:
        """What was taken was not written: it is the draft's again."""
        writes.merge(self.writes)
        self.writes = writes
        self.growth += growth

    def end(self) -> None:
        """End the block; somebody has taken its writes."""
        self._has_ended = True

    def drop(self) -> None:
        """End the block without its writes."""
        self._has_ended = self.is_dropped = True

    def keep(self) -> bool:
        """
        End the block: what is around it takes its writes over.

        Returns:
            False: nothing is around it any more, and nothing has taken them.
        """
        self._has_ended = True
        outer = self.outer
        while outer is not None and not outer.is_open:
            if outer.is_dropped:
                return True  # with everything in it
            outer = outer.outer
        if outer is None:
            return False
        outer.writes.merge(self.writes)
        outer.growth += self.growth
        return True

    def _total(self, quota: Quota) -> int:
        outer = quota.total if self.outer is None else self.outer._total(quota)
        return outer + self.growth

    def _size(self, key: bytes, quota: Quota) -> int:
        value = self.writes.lookup(key)
        if value is UNKNOWN:
            return (
                quota.size(key) if self.outer is None else self.outer._size(key, quota)
            )
        return 0 if value is None else len(key) + len(value)
