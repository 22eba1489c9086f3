"""One turn: what the handling of one event wants written and sent, until it ends."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from partyrooms.core.alarm import Alarm
from partyrooms.core.writes import WriteSet
from partyrooms.runtime.draft import Draft

if TYPE_CHECKING:
    from asyncio import Future

    from partyrooms.core.keys import RoomKey
    from partyrooms.ports.cluster import RoomInbox
    from partyrooms.runtime.life import Life

Output = tuple[Callable[[Any], None], Any]
"""A method of a socket, an audience or a waiting request, and what to call it with."""

current: ContextVar["Turn | None"] = ContextVar("partyrooms_turn", default=None)
"""The turn of the running code; hooks in threads and their child tasks inherit it."""


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


class Turn(msgspec.Struct, eq=False):
    """
    What one event's handling has asked for so far.

    Attributes:
        life: Whose turn it is.
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

    life: "Life"
    outputs: list[Output] = []
    is_open: bool = True
    interruption: Exception | None = None
    chain: tuple[str, ...] = ()
    waits: "dict[Future[tuple[str, ...]], tuple[RoomKey, RoomInbox]] | None" = None
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
