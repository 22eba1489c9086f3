"""The output gate: a turn's outputs leave when all writes before them are committed."""

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from partyrooms.core.alarm import Alarm
from partyrooms.core.writes import UNKNOWN, WriteSet
from partyrooms.exceptions import GateFull, RoomStopped
from partyrooms.ports.records import Claim, Outcome, RoomCommit
from partyrooms.runtime.commit_waiters import CommitWaiters
from partyrooms.runtime.peers import DeliveryLog
from partyrooms.runtime.turn import Output, Turn

LEASE_CHECK_INTERVAL = 0.05
"""Seconds between two checks whether the node's lease holds again."""


class Committing(Protocol):
    """What the gate needs of the committer."""

    def add(self, gate: "Gate") -> None:
        """Say that a gate has writes; they are taken when the next commit begins."""


class Gate:
    """
    Holds one life's outputs back, in order, behind the commits they depend on.

    Commits are numbered from 1. Outputs wait for the number of the latest commit that
    was wanted when their turn ended; a turn without writes therefore waits only for
    earlier turns of its own room.

    Args:
        claim: The ownership under which is written.
        committer: Who writes.
        on_lost: Called once, when a commit found that the room is somebody else's.
        on_written: Called with what a turn has written, when the turn ends.
        may_act: Whether the node's lease holds; while it does not, nothing leaves.

    Attributes:
        account: Is told of each turn; None: nobody need be.
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
        self._version = claim.version
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
        self._held: deque[tuple[int, Sequence[Output]]] = deque()
        self._waiters = CommitWaiters()

    @property
    def layers(self) -> list[WriteSet]:
        """Writes that the store may not show yet, oldest first."""
        return (
            [self._pending] if self._flying is None else [self._flying, self._pending]
        )

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
        delivery_log = self.delivery_log
        if delivery_log is not None:
            delivery_log.close(turn)
            if delivery_log.is_stale:
                self.add(WriteSet())
        if turn.has_writes:
            self._want(turn)
        if self._wanted > self._committed or self._held or not self._may_act():
            self._held.append((self._wanted, turn.outputs))
            return len(self._held)
        for deliver, what, _ in turn.outputs:
            deliver(what)
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
            await self.commit(None)
            # All is committed, and nothing leaves: the node's lease is over.
            if len(self._held) >= self.capacity:
                await asyncio.sleep(LEASE_CHECK_INTERVAL)

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
        if self.is_lost:
            raise RoomStopped("This life of the room is over; it commits nothing.")
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
            if self.is_lost:
                raise RoomStopped("This life of the room is over; it commits nothing.")
        except BaseException:
            self.free()
            raise

    def free(self) -> None:
        """Let the committer go on."""
        self._is_reserved = False
        self._reservation.release()
        if self._wanted > self._taken and not self.is_lost:
            self._committer.add(self)

    @property
    def version(self) -> int:
        """What the room's row holds, as far as commits have settled."""
        return self._version

    def take_along(self, writes: WriteSet, turn: Turn) -> RoomCommit:
        """
        Give what is to be written next, and these writes, to who has reserved.

        ``finish_commit`` or ``put_back`` must follow.

        Args:
            writes: What a turn has written so far.
            turn: Which turn.
        """
        if self.delivery_log is not None and turn.is_open:
            self.delivery_log.interrupt(turn)
        self._on_written(writes)
        self._aside, self._pending = self._pending, WriteSet()
        self._pending.merge(self._aside)
        self._pending.merge(writes)
        self._wanted = self._taken + 1
        return self.take()

    def put_back(self) -> WriteSet:
        """
        Say that nothing was written of what was taken along.

        Returns:
            What is to be written next: what had gone along, and what came since.
        """
        self._flying = None
        self._aside.merge(self._pending)
        self._pending, self._aside = self._aside, WriteSet()
        if self.is_lost:
            return self._pending
        if self.delivery_log is not None:
            self.delivery_log.not_stored()
        if self._pending or (
            self.delivery_log is not None and self.delivery_log.is_stale
        ):
            self._wanted = self._taken + 1
        else:
            self._committed = self._taken
            self.release()
            self._waiters.wake(self._committed)
        return self._pending

    def take(self) -> RoomCommit:
        """Give what is to be written next; ``finish_commit`` must follow."""
        self._flying, self._pending = self._pending, WriteSet()
        self._taken += 1
        return RoomCommit(
            claim=self.claim,
            version=self._version,
            writes=self._flying,
            progress=None
            if self.delivery_log is None
            else self.delivery_log.progress(),
        )

    def finish_commit(self, outcome: Outcome) -> None:
        """Say what became of the writes that were taken, and let outputs leave."""
        flying, self._flying = self._flying, None
        if self.is_lost:
            return
        if outcome is Outcome.LOST:
            self.lose()
            self._on_lost()
            return
        self._version += 1
        if flying is not None and flying.alarm is not UNKNOWN:
            self._alarm = flying.alarm
        self._committed = self._taken
        self.release()
        self._waiters.wake(self._committed)

    def release(self) -> None:
        """Let the outputs leave that wait for no commit; called again by the sweep."""
        held = self._held
        if not held or self.is_lost or not self._may_act():
            return
        while held and held[0][0] <= self._committed:
            for deliver, what, _ in held.popleft()[1]:
                deliver(what)

    def lose(self) -> None:
        """Let nothing leave any more."""
        self.is_lost = True
        self._held.clear()
        self._pending = WriteSet()
        lost = RoomStopped("The room was lost before its writes were committed.")
        self._waiters.fail(lost)

    def _want(self, turn: Turn) -> None:
        writes = turn.take_writes()
        if writes is not None:
            self._on_written(writes)
            self.add(writes)
