"""The single-owner worker of one room: it empties the mailbox, one turn at a time."""

import asyncio
from contextlib import suppress
from typing import Any

from partyrooms.exceptions import RoomStopped
from partyrooms.ports.cluster import Closing
from partyrooms.runtime import events
from partyrooms.runtime.deadlock import pass_on
from partyrooms.runtime.life import Life
from partyrooms.runtime.lifecycle import Lifecycle
from partyrooms.runtime.turn import Turn

EVENTS_PER_SLICE = 50
"""Events of one room after which everything else in the process has its turn."""


class Worker(Lifecycle):
    """
    Handles one room's events, one at a time, in order of arrival; an ``RoomInbox``.

    It starts the room for the first event, ends its life when asked to or when it has
    been idle, and starts it again for the next event. All methods are called on the
    node's event loop; none of them waits for a socket.
    """

    def sweep(self, now: float) -> None:
        """Cancel a hook that runs too long; let an idle room leave memory."""
        settings = self._node.settings
        self._runner.sweep(now)
        if self.life is None or self._idle is None or self.life.streams:
            return
        quiet = now - self._quiet_since
        hibernates = self.life.room.hibernate and quiet >= settings.hibernate_after
        if hibernates or (not self.life.connections and quiet >= settings.idle_timeout):
            self._stop_wanted = True
            self._arrived()

    async def until_idle(self) -> None:
        """Wait until no event waits or is being handled, and all is committed."""
        await self._until_resting()
        if self.life is not None:
            await self.life.gate.commit(None)

    @property
    def is_between_hooks(self) -> bool:
        """Whether it is at work, but no hook of the room has begun."""
        is_at_work = self._task is not None and self._idle is None
        return is_at_work and not self._runner.is_running

    @property
    def is_in_hook(self) -> bool:
        """Whether a hook of the room has begun and not ended."""
        return self._runner.is_running

    def runs(self, task: "asyncio.Task[Any]") -> bool:
        """Whether a task is the room's: its loop, or background work of its life."""
        return task is self._task or (
            self.life is not None and self.life.has_task(task)
        )

    def probe(self, chain: tuple[str, ...]) -> None:
        """Look whether rooms wait for one another; see ``runtime.deadlock``."""
        turn = self._runner.turn
        if turn is not None and turn.waits and self._keeps_waiting(chain[-1], turn):
            pass_on(turn, chain)

    def _keeps_waiting(self, room: str, turn: Turn) -> bool:
        """Whether a room waits for the running hook to end: no answer is on its way."""
        return (
            room in turn.chain
            or self._stop_wanted
            or any(room in getattr(one, "chain", ()) for one in self._waiting)
        )

    def _loop_begins(self, task: "asyncio.Task[None]") -> None:
        self._runner.task = task
        self._node.busy.add(self)

    def _loop_ended(self) -> None:
        super()._loop_ended()
        if self.life is None:
            self._node.busy.discard(self)

    async def crash(self, closing: Closing | None) -> None:
        """End loop and life where they are; what is not committed is lost."""
        await super().crash(closing)
        self._node.busy.discard(self)

    async def _work(self) -> None:
        """Handle what waits, as far as the rest of the process can wait for it."""
        for _ in range(EVENTS_PER_SLICE):
            life = self.life
            if self._stop_wanted:
                await self._finish()
            elif not self._waiting:
                return
            elif life is None:
                await self._begin()
            else:
                await self._handle(self._take(), life)
        await asyncio.sleep(0)

    async def _handle(self, event: events.Event, life: Life) -> None:
        turn = Turn(life)
        receipt = event.receipt
        if receipt is not None:
            turn.receipt = receipt
        try:
            error = await self._runner.attempt(event.hook, turn, event.act, life, turn)
        except BaseException:  # This task is being ended; nobody may wait for ever.
            event.abandon(RoomStopped(f"{self.key} stopped while it handled this."))
            raise
        if life.is_over:
            event.abandon(error or RoomStopped(f"{self.key} was lost."))
            return
        is_defect = False
        if error is not None:
            turn = Turn(life, receipt=receipt, is_interrupted=turn.is_interrupted)
            is_defect = event.fail(life, turn, error)
        if receipt is not None:
            turn.outputs.append(receipt)
        held = life.gate.close(turn)
        if error is not None and is_defect:
            await self._runner.report(error, life, event.connection)
        if held >= self._capacity:
            with suppress(RoomStopped):
                await life.gate.commit(None)
