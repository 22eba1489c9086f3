"""Outputs on their way out of a room, in order, behind the commits they wait for."""

from collections import deque
from collections.abc import Callable, Sequence

from partyrooms.runtime.turn import Output


class Departures:
    """
    The outputs of turns that have ended.

    Args:
        on_failed: Called with what an output raised as it left. Nothing may leave any
            more then: nobody knows what its receiver has of it.
    """

    __slots__ = ("_held", "_on_failed")

    def __init__(self, on_failed: Callable[[Exception], None]) -> None:
        self._held: deque[tuple[int, Sequence[Output]]] = deque()
        self._on_failed = on_failed

    def __len__(self) -> int:
        """How many turns wait."""
        return len(self._held)

    def hold(self, number: int, outputs: Sequence[Output]) -> None:
        """Let a turn's outputs wait for the commit with a number."""
        self._held.append((number, outputs))

    def leave(self, outputs: Sequence[Output]) -> bool:
        """
        Let a turn's outputs leave now.

        Returns:
            False: one of them has raised, and those behind it have not left.
        """
        try:
            for deliver, what, _ in outputs:
                deliver(what)
        except Exception as error:
            self._on_failed(error)
            return False
        return True

    def release(self, committed: int) -> None:
        """Let those leave that wait for a commit up to this one."""
        held = self._held
        while held and held[0][0] <= committed:
            if not self.leave(held.popleft()[1]):
                return

    def clear(self) -> None:
        """Forget all that wait."""
        self._held.clear()
