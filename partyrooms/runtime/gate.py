"""The output gate: a turn's outputs leave when all writes before them are committed."""

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol
from uuid import UUID

from partyrooms.core.alarm import Alarm
from partyrooms.core.writes import UNKNOWN, WriteSet, merged
from partyrooms.exceptions import GateFull, RoomStopped
from partyrooms.ports.records import Claim, Outcome, RoomCommit
from partyrooms.runtime.commit_waiters import CommitWaiters
from partyrooms.runtime.departures import Departures
from partyrooms.runtime.peers import DeliveryLog
from partyrooms.runtime.room_end import log_given_up, tell_end
from partyrooms.runtime.turn import Turn

LEASE_CHECK_INTERVAL = 0.05
"""Seconds between two checks whether the node's lease holds again."""


class Committing(Protocol):
    """What the gate needs of the committer."""

    def add(self, gate: "Gate") -> None:
        """Say that a gate has writes; they are taken when the next commit begins."""


class Gate:
    """
    Holds one life's outputs back, in order, behind the commits they depend on.

    Commits are numbered from 1. Outputs wait for the latest one that was wanted when
    their turn ended: a turn without writes waits only for earlier turns of its room.

    Args:
        claim: The ownership under which is written.
        committer: Who writes.
        on_lost: Called once: the room is somebody else's, or cannot go on.
        on_written: Called with what a turn has written, when the turn ends.
        may_act: Whether the node's lease holds; while it does not, nothing leaves.

    Attributes:
        delivery_log: Is told of each turn; None: nobody need be.
        version: What the room's row holds, as far as commits have settled.
        capacity: Turns that may wait before background work has to.
    """

    delivery_log: DeliveryLog | None = None

    def __init__(
        self,
        claim: Claim,
        committer: Committing,
        on_lost: Callable[[], None],
        may_act: Callable[[], bool] = lambda: True,
        on_written: Callable[[WriteSet], None] = lambda writes: None,
    ) -> None:
        self.capacity = sys.maxsize
        self._may_act = may_act
        self.claim = claim
        self.is_lost = False
        self.version = claim.version
        self._alarm = claim.alarm
        self._committer = committer
        self._on_lost = on_lost
        self._on_written = on_written
        self._pending = WriteSet()
        self._flying: WriteSet | None = None
        self._wanted = 0
        self._taken = 0
        self._committed = 0
        self._reservation = asyncio.Lock()
        self._is_reserved = False
        self._aside = WriteSet()
        self._held = Departures(partial(self.give_up, "An output"))
        self._waiters = CommitWaiters()

    @property
    def layers(self) -> list[WriteSet]:
        """Writes that the store may not show yet, oldest first."""
        flying = [] if self._flying is None else [self._flying]
        return [*flying, self._pending]

    @property
    def alarm(self) -> Alarm | None:
        """The room's alarm, as the turns that have ended left it."""
        for layer in reversed(self.layers):
            if layer.alarm is not UNKNOWN:
                return layer.alarm
        return self._alarm

    def reread_alarm(self, alarm: Alarm | None) -> None:
        """The row has this alarm, and somebody else than the owner may have set it."""
        self._alarm = alarm

    def add(self, writes: WriteSet) -> None:
        """Have something written with the next commit that belongs to no turn."""
        if self._pending:
            self._pending.merge(writes)
        else:
            self._pending = writes
        self._wanted = self._taken + 1
        self._committer.add(self)

    def close(self, turn: Turn) -> int:
        """
        End a turn: its writes go to the next commit, its outputs behind them.

        Returns:
            How many turns wait now.
        """
        turn.is_open = False
        if self.is_lost:
            return 0
        if self.delivery_log is not None:
            self.delivery_log.close(turn)
            if self._is_stale:
                self.add(WriteSet())
        self._want(turn)
        outputs = turn.end()
        if self._wanted > self._committed or self._held or not self._may_act():
            self._held.hold(self._wanted, outputs)
            return len(self._held)
        self._held.leave(outputs)
        return 0

    def require_space(self) -> None:
        """
        Refuse a turn that no event has begun, if there is no space for it.

        Raises:
            GateFull: If there is none.
        """
        if len(self._held) >= self.capacity:
            raise GateFull(self.capacity)

    async def space(self) -> None:
        """Wait until there is space for a turn that no event has begun."""
        while len(self._held) >= self.capacity:
            await self.settle()

    async def settle(self) -> None:
        """Wait until all writes so far are committed and said; raises as ``commit``."""
        await self.commit(None)
        while self._held and not self._may_act():  # noqa: ASYNC110
            await asyncio.sleep(LEASE_CHECK_INTERVAL)
        self.release()

    async def commit(self, turn: Turn | None) -> None:
        """
        Wait until all writes so far are committed, an open turn's among them.

        Raises:
            RoomStopped: If the room was lost before.
        """
        if turn is not None and turn.has_writes and not self.is_lost:
            if self.delivery_log is not None:
                self.delivery_log.interrupt(turn)
            self._want(turn)
        self._require_life()
        if self._wanted > self._committed:
            await self._waiters.wait(self._wanted)

    @property
    def may_commit(self) -> bool:
        """Whether the committer may take what is to be written."""
        return not self.is_lost and not self._is_reserved

    async def reserve(self) -> None:
        """
        Wait until nothing of the room is being written, and let nobody begin to.

        ``free`` must follow. What turns write meanwhile goes along with ``take_along``,
        or is committed afterwards.

        Raises:
            RoomStopped: If the room was lost before; nothing is reserved.
        """
        await self._reservation.acquire()
        try:
            await self.commit(None)
            self._is_reserved = True
            while self._flying is not None:
                await self._waiters.wait(self._taken)
            self._require_life()
        except BaseException:
            self.free()
            raise

    def free(self) -> None:
        """Let the committer go on."""
        self._is_reserved = False
        self._reservation.release()
        if self._wanted > self._taken and not self.is_lost:
            self._committer.add(self)

    def take_along(self, writes: WriteSet, turn: Turn, id: UUID) -> RoomCommit:
        """
        Give what is to be written next, and a turn's writes, to who has reserved.

        ``finish_commit`` or ``put_back`` must follow.
        """
        if self.delivery_log is not None and turn.is_open:
            self.delivery_log.interrupt(turn)
        self._on_written(writes)
        self._aside, self._pending = self._pending, merged((self._pending, writes))
        self._wanted = self._taken + 1
        return self.take(id)

    def put_back(self) -> WriteSet:
        """
        Say that nothing was written of what was taken along.

        Returns:
            What is to be written next: what had gone along, and what came since.
        """
        self._flying = None
        self._aside.merge(self._pending)
        self._pending, self._aside = self._aside, WriteSet()
        if self.delivery_log is not None:
            self.delivery_log.not_stored()
        if self._pending or self._is_stale:
            self._wanted = self._taken + 1
        else:
            self._committed = self._taken
            self.release()
            self._waiters.wake(self._committed)
        return self._pending

    def take(self, id: UUID) -> RoomCommit:
        """Give what is to be written next, as a commit with an id, to be finished."""
        self._flying, self._pending = self._pending, WriteSet()
        self._taken += 1
        log = self.delivery_log
        return RoomCommit(
            claim=self.claim,
            version=self.version,
            writes=self._flying,
            progress=None if log is None else log.progress(),
            id=id,
        )

    def finish_commit(self, outcome: Outcome) -> None:
        """Say what became of the writes that were taken, and let outputs leave."""
        flying, self._flying = self._flying, None
        if outcome is Outcome.LOST and not self.is_lost:
            self._stop()
        if self.is_lost:
            return
        self.version += 1
        if flying is not None and flying.alarm is not UNKNOWN:
            self._alarm = flying.alarm
        self._committed = self._taken
        self.release()
        self._waiters.wake(self._committed)

    def release(self) -> None:
        """Let the outputs leave that wait for no commit; again when the lease does."""
        if self._held and not self.is_lost and self._may_act():
            self._held.release(self._committed)

    def lose(self) -> None:
        """Let nothing leave any more."""
        self.is_lost = True
        self._held.clear()
        self._pending = WriteSet()
        self._waiters.fail(RoomStopped("The room was lost before a commit ended."))

    def give_up(self, what: str, error: Exception) -> None:
        """
        Stop the room, and no other: it cannot go on.

        Args:
            what: What has failed.
            error: What it raised.
        """
        if not self.is_lost:
            log_given_up(self.claim.key, what, error)
            self._stop()

    @property
    def _is_stale(self) -> bool:
        return self.delivery_log is not None and self.delivery_log.is_stale

    def _require_life(self) -> None:
        if self.is_lost:
            raise RoomStopped("This life of the room is over; it commits nothing.")

    def _stop(self) -> None:
        self.lose()
        tell_end(self.claim.key, self._on_lost)

    def _want(self, turn: Turn) -> None:
        writes = turn.take_writes()
        if writes is not None:
            self._on_written(writes)
            self.add(writes)
