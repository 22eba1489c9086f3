"""One turn: what the handling of one event wants written and sent, until it ends."""

from asyncio import Future
from collections.abc import Callable, Mapping
from contextvars import Context, ContextVar
from typing import Any, Optional

import msgspec

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.quota import Quota
from partyrooms.core.writes import UNKNOWN, WriteSet
from partyrooms.ports.rooms import Chain, RoomInbox

EVERYBODY = b""
"""The target of what all processes with sockets of the room are told."""

Output = tuple[Callable[[Any], None], Any, bytes | None]
"""
What to call and with what, and which process it is for: a node's id, ``EVERYBODY``,
or None for this process.
"""

current: ContextVar["Turn | None"] = ContextVar("partyrooms_turn", default=None)
"""The turn of the running code; hooks in threads and their child tasks inherit it."""


block: ContextVar["Draft | None"] = ContextVar("partyrooms_block", default=None)
"""The innermost ``transaction()`` of the running code; each task has its own."""


outside: ContextVar[Context | None] = ContextVar("partyrooms_outside", default=None)
"""What was around the ``atomic()`` of the running code; None: it is in none."""


class TurnOver(RuntimeError):
    """
    Code went on after its turn was cancelled; what it asks for is not done.

    Args:
        interruption: Why it was cancelled.
    """

    def __init__(self, interruption: Exception) -> None:
        super().__init__(interruption)
        self.interruption = interruption

    def __str__(self) -> str:
        return (
            "The turn of this hook is over, and nothing of it is sent or stored: "
            f"{self.interruption}"
        )


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

    def merge(self) -> bool:
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


class Turn(msgspec.Struct, eq=False):
    """
    What one event's handling has asked for so far.

    Attributes:
        source: Whose turn it is: the ``Outputs`` of a life.
        outputs: What leaves once everything before it is committed, in order.
        is_open: More may be added.
        interruption: Why its hook was cancelled; None: it was not.
        chain: The rooms that wait for it to end, each for the next one, its own last;
            empty: no event has begun it, so that nobody does.
        waits: The rooms that it waits for; what is told when they wait for its own.
        ringing: The alarm that it handles; None: it is no ``on_alarm``'s turn.
        receipt: As in the event that it handles.
        is_interrupted: A part of it was stored before its end.
    """

    source: object
    outputs: list[Output] = []
    is_open: bool = True
    interruption: Exception | None = None
    chain: Chain = ()
    waits: dict["Future[Chain]", tuple[RoomKey, RoomInbox]] | None = None
    handled_alarm: Alarm | None = None
    receipt: Output | None = None
    is_interrupted: bool = False
    _draft: Draft | None = None
    _undo: list[Callable[[], None]] | None = None

    def require_time(self) -> None:
        """
        Refuse to do anything more once the hook was cancelled.

        Raises:
            TurnOver: If it was.
        """
        if self.interruption is not None:
            raise TurnOver(self.interruption)

    @property
    def draft(self) -> Draft:
        """Where its writes go."""
        if self._draft is None:
            self._draft = Draft(self)
        return self._draft

    @property
    def is_current(self) -> bool:
        """Whether the running code belongs to it."""
        return current.get() is self

    @property
    def has_writes(self) -> bool:
        """Whether anything was written, perhaps to no effect."""
        return self._draft is not None

    def take_writes(self) -> WriteSet | None:
        """All writes so far, which are the turn's no more; None: there are none."""
        draft = self._draft
        if draft is None:
            return None
        if not self.is_open:
            self._draft = None  # which refers to the turn
        return draft.take()

    def on_drop(self, undo: Callable[[], None]) -> None:
        """Say how to take back a change if the turn fails."""
        if self._undo is None:
            self._undo = []
        self._undo.append(undo)

    def drop(self) -> None:
        """Forget writes and outputs, take back changes, and let nothing be added."""
        self.is_open = False
        self.outputs = []
        self._draft = None
        undo, self._undo = self._undo, None
        for take_back in reversed(undo or ()):
            take_back()

    def mark(self) -> tuple[int, int]:
        """Where the turn is now, for ``drop_since``."""
        return len(self.outputs), len(self._undo or ())

    def drop_since(self, mark: tuple[int, int]) -> None:
        """Forget the outputs and take back the changes that came after a mark."""
        if not self.is_open:
            return
        outputs, undo = mark
        del self.outputs[outputs:]
        while self._undo is not None and len(self._undo) > undo:
            self._undo.pop()()
