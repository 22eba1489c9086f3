"""What one life of a room says: each output leaves with the turn it belongs to."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

from partyrooms.core.keys import RoomKey
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.turn import Speaker, Turn, block, current


class Outputs:
    """
    Puts what running code says into its turn, or makes a turn of it.

    Make it on the event loop where the room runs.

    Attributes:
        is_over: The life has ended: nothing of it leaves any more.

    Args:
        key: Which room.
        gate: What the turns pass.
    """

    __slots__ = ("_loop", "_thread", "gate", "is_over", "key")

    def __init__(self, key: RoomKey, gate: Gate) -> None:
        self.key = key
        self.gate = gate
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def is_on_loop(self) -> bool:
        """Whether the running code is in the event loop's thread."""
        return threading.get_ident() == self._thread

    def open_turn(self) -> Turn | None:
        """
        The running code's turn, if it is this life's and may still be added to.

        Raises:
            TurnOver: If the code's hook was cancelled.
        """
        turn = current.get()
        if turn is None or turn.source is not self:
            return None
        if turn.is_open:
            return turn
        turn.require_time()
        return None

    def put_out(
        self,
        deliver: Callable[[Any], None],
        what: Any,
        target: bytes | None = None,
        undo: Callable[[], None] | None = None,
    ) -> None:
        """
        Add an output to the running code's turn, or let it be a turn of its own.

        Args:
            deliver: Called with ``what`` when everything before it is committed.
            what: What is said.
            target: As in ``Output``.
            undo: Takes back what was changed already, if the turn fails.

        Raises:
            TurnOver: If the code's hook was cancelled.
            GateFull: If too many turns wait, and this would be one.
        """
        place = self._place()
        if place is not None:
            place.outputs.append((deliver, what, target))
            if undo is not None:
                place.on_drop(undo)
            return
        self.gate.require_space()
        self.put_out_alone(deliver, what, target)

    def _place(self) -> Speaker | None:
        """Where the running code's outputs go; None: each is a turn of its own."""
        turn = current.get()
        if turn is None or turn.source is not self:
            return None
        draft = block.get()
        # A block collects what is said though the turn around it has ended.
        speaker = None if draft is None or draft.turn is not turn else draft.speaker
        if speaker is None and turn.is_open:
            return turn
        turn.require_time()
        return speaker

    def put_out_alone(
        self, deliver: Callable[[Any], None], what: Any, target: bytes | None = None
    ) -> None:
        """Let an output be a turn of its own, whether there is space or not."""
        turn = Turn(self)
        turn.outputs.append((deliver, what, target))
        self.finish(turn)

    def finish(self, turn: Turn) -> None:
        """Close a turn that no event opened, from whatever thread."""
        if self.is_over:
            turn.drop()
        elif threading.get_ident() == self._thread:
            self.gate.close(turn)
        else:
            self._loop.call_soon_threadsafe(self.gate.close, turn)

    def soon(self, work: Callable[[], object]) -> None:
        """Let the event loop do something, and do not wait for it; from any thread."""
        self._loop.call_soon_threadsafe(work)

    def on_loop(self, work: Callable[..., Any], *args: Any) -> Any:
        """Let the event loop do something, and wait for it in another thread."""

        async def call() -> Any:
            result = work(*args)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()
