"""What an ``atomic()`` has written and said, until it is committed."""

from collections.abc import Callable

from partyrooms.runtime.turn import Draft, Output, Speaker, Turn


class AtomicDraft(Draft):
    """
    The draft of an ``atomic()``: what is said in it counts if the block does.

    Attributes:
        outputs: As of ``Turn``.
    """

    __slots__ = ("_undo", "outputs")

    def __init__(self, turn: Turn, outer: Draft) -> None:
        super().__init__(turn, outer)
        self.outputs: list[Output] = []
        self._undo: list[Callable[[], None]] = []

    @property
    def speaker(self) -> Speaker | None:
        return None if self._has_ended else self

    def on_drop(self, undo: Callable[[], None]) -> None:
        """Say how to take back a change if the block fails."""
        self._undo.append(undo)

    def keep(self, turn: Turn) -> None:
        """The block is committed: what was said in it is a turn's."""
        turn.outputs += self.outputs
        for undo in self._undo:
            turn.on_drop(undo)
        self.outputs, self._undo = [], []

    def drop(self) -> None:
        """End the block without its writes, and without what nobody has kept."""
        super().drop()
        self.outputs = []
        undo, self._undo = self._undo, []
        for take_back in reversed(undo):
            take_back()
