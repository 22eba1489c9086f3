"""One turn: what the handling of one event wants written and sent, until it ends."""

from asyncio import Future
from collections.abc import Callable, Mapping
from contextvars import Context, ContextVar
from typing import Any, Optional, Protocol

import msgspec

from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.quota import Quota
from partyrooms.core.writes import UNKNOWN, WriteSet
from partyrooms.ports.rooms import Chain, RoomInbox
from partyrooms.runtime.turn_over import TurnOver

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


class Speaker(Protocol):
    """
    Whose outputs leave together, or not at all.

    Attributes:
        outputs: As of ``Turn``.
    """

    outputs: list[Output]

    def on_drop(self, undo: Callable[[], None]) -> None:
        """Say how to take back a change if it fails."""


class Draft:
    """
    What the running code has written, on top of what the room holds.

    Attributes:
        turn: Whose writes.
        outer: The draft that takes them over; None: the room, when the turn ends.
        writes: What was written here.
        is_dropped: Its block has failed.
    """

    __slots__ = ("_has_ended", "_quota", "is_dropped", "outer", "turn", "writes")

    def __init__(self, turn: "Turn", outer: Optional["Draft"] = None) -> None:
        self.turn = turn
        self.outer = outer
        self.writes = WriteSet()
        self.is_dropped = False
        self._has_ended = False
        self._quota: Quota | None = None

    @property
    def is_open(self) -> bool:
        """Whether its block, or its turn, goes on."""
        return self.turn.is_open if self.outer is None else not self._has_ended

    @property
    def may_count(self) -> bool:
        """Whether its writes can still become the room's."""
        return not self.is_dropped and not self.turn.is_dropped

    @property
    def speaker(self) -> Speaker | None:
        """Whose outputs are what the block says; None: the turn's."""
        return None if self.outer is None else self.outer.speaker

    def layers(self) -> list[WriteSet]:
        """The writes that the running code sees, oldest first."""
        outer = [] if self.outer is None else self.outer.layers()
        return [*outer, self.writes]

    def put(self, values: Mapping[bytes, bytes], quota: Quota) -> None:
        """
        Write values, or none of them if one does not fit.

        Raises:
            StorageLimitExceeded: If a value or the room would be too large, with all
                that other code has written and may still keep.
        """
        total = self._enter(quota)
        for key, value in values.items():
            total += quota.growth(
                key, len(value), before=self._size(key, quota), total=total
            )
        for key, value in values.items():
            self.writes.put(key, value)
        quota.note(total)

    def delete(self, key: bytes, quota: Quota) -> None:
        """Remove a key, whether it exists or not."""
        total = self._enter(quota) - self._size(key, quota)
        self.writes.delete(key)
        quota.note(total)

    def clear(self, quota: Quota) -> None:
        """Remove everything; what is around the block stays as it is until it ends."""
        self._enter(quota)
        self.writes.clear()
        quota.reread()

    def receive(self, writes: WriteSet, quota: Quota | None) -> None:
        """Take over what a block has written."""
        self.writes.merge(writes)
        if quota is not None:
            self._quota = quota
            quota.open(self)

    def take(self) -> WriteSet | None:
        """All writes so far, which are the draft's no more; None: there are none."""
        writes, self.writes = self.writes, WriteSet()
        if self._quota is not None:
            self._quota.reread()
        return writes if writes else None

    def give_back(self, writes: WriteSet) -> None:
        """What was taken was not written: it is the draft's again."""
        writes.merge(self.writes)
        self.writes = writes
        if self._quota is not None:
            self._quota.reread()

    def end(self) -> None:
        """End the block; somebody has taken its writes."""
        self._has_ended = True
        self.leave()

    def drop(self) -> None:
        """End the block without its writes; nothing if it has ended."""
        if not self._has_ended:
            self.is_dropped = True
            self.end()

    def merge(self) -> bool:
        """
        End the block: what is around it takes its writes over.

        Returns:
            False: nothing is around it any more, and nothing has taken them.

        Raises:
            RuntimeError: If the turn was dropped, and the block with it.
        """
        self.turn.require_kept()
        outer = self.outer
        while outer is not None and not outer.is_open:
            if outer.is_dropped:
                self.drop()  # with everything in it
                return True
            outer = outer.outer
        quota = self._quota
        self.end()
        if outer is None:
            return False
        outer.receive(self.writes, quota)
        return True

    def leave(self) -> None:
        """Let no limit count its writes any more: they are the room's, or dropped."""
        quota, self._quota = self._quota, None
        if quota is not None:
            quota.leave(self)

    def _enter(self, quota: Quota) -> int:
        self._quota = quota
        return quota.enter(self)

    def _size(self, key: bytes, quota: Quota) -> int:
        value = self.writes.lookup(key)
        if value is not UNKNOWN:
            return 0 if value is None else len(key) + len(value)
        return quota.size(key) if self.outer is None else self.outer._size(key, quota)


class Turn(msgspec.Struct, eq=False):
    """
    What one event's handling has asked for so far.

    Attributes:
        source: Whose turn it is: the ``Outputs`` of a life.
        outputs: What leaves once everything before it is committed, in order.
        is_open: More may be added.
        is_dropped: It has failed, and every block of it with it.
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
    is_dropped: bool = False
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

    def require_kept(self) -> None:
        """Raise a RuntimeError once it has failed, and each block of it with it."""
        self.require_time()
        if self.is_dropped:
            raise RuntimeError(
                "The hook around this block has raised before the block ended: nothing "
                "of both is stored or sent. Await the tasks that a hook starts."
            )

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
            draft.leave()
        return draft.take()

    def end(self) -> list[Output]:
        """
        End it well, with nothing of what it has said: contexts refer to it for longer.

        Returns:
            What it has said.
        """
        self._undo = None
        outputs, self.outputs = self.outputs, []
        return outputs

    def on_drop(self, undo: Callable[[], None]) -> None:
        """Say how to take back a change if the turn fails."""
        if self._undo is None:
            self._undo = []
        self._undo.append(undo)

    def drop(self) -> None:
        """Forget writes and outputs, take back changes, and let nothing be added."""
        self.is_open = False
        self.is_dropped = True
        self.outputs = []
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.leave()
        undo, self._undo = self._undo, None
        for take_back in reversed(undo or ()):
            take_back()
