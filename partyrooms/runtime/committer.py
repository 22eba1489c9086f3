"""Group commit: the writes of many turns of many rooms in one transaction."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast
from uuid import UUID, uuid4

from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Outcome, RoomCommit
from partyrooms.ports.store import Store
from partyrooms.runtime.gate import Gate

logger = logging.getLogger("partyrooms.runtime")

COMMIT_RETRY_DELAYS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds before a commit is repeated; the last one again and again."""

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Committer:
    """
    Writes for all rooms of one node, one transaction at a time.

    While one is under way, the writes of further turns gather for the next one, so
    that the busier the rooms, the more turns share a transaction.

    Args:
        store: Where to.
        spawn: Starts a task that the node owns.
    """

    def __init__(self, store: Store, spawn: Spawn) -> None:
        self._store = store
        self._spawn = spawn
        self._dirty: dict[Gate, None] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, gate: Gate) -> None:
        """Say that a gate has writes; they are taken when the next commit begins."""
        self._dirty[gate] = None
        if self._task is None:
            self._task = self._spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._dirty:
                gates = [gate for gate in self._dirty if gate.may_commit]
                self._dirty = {}
                id = uuid4()
                taken = [(gate, one) for gate in gates for one in _taken(gate, id)]
                if not taken:
                    continue
                outcomes = await self._commit([commit for _, commit in taken])
                for (gate, _), outcome in zip(taken, outcomes, strict=True):
                    _settle(gate, outcome)
        finally:
            self._task = None

    async def _commit(self, batch: list[RoomCommit]) -> list[Outcome]:
        attempt = 0
        task = cast("asyncio.Task[None]", asyncio.current_task())
        while True:
            try:
                return await self._store.commit(batch)
            except (StoreUnavailable, asyncio.CancelledError) as error:
                if task.cancelling():
                    raise
                delay = COMMIT_RETRY_DELAYS[min(attempt, len(COMMIT_RETRY_DELAYS) - 1)]
                logger.warning(
                    "A commit of %d rooms is repeated in %g s: %s",
                    len(batch),
                    delay,
                    error,
                    extra={"action": "commit_repeated"},
                )
            # What one room wants written must not hold up the others for ever.
            except Exception as error:
                return await self._commit_apart(batch, error)
            attempt += 1
            await asyncio.sleep(delay)

    async def _commit_apart(
        self, batch: list[RoomCommit], error: Exception
    ) -> list[Outcome]:
        if len(batch) > 1:
            return [(await self._commit([commit]))[0] for commit in batch]
        logger.error(
            "The writes of %s cannot be committed; the room is stopped.",
            batch[0].claim.key,
            exc_info=error,
            extra={"action": "commit_failed", "room": str(batch[0].claim.key)},
        )
        return [Outcome.LOST]


def _taken(gate: Gate, id: UUID) -> list[RoomCommit]:
    """What a room wants written; none, if it cannot say so, and it is stopped then."""
    try:
        return [gate.take(id)]
    except Exception as error:
        gate.give_up("What is to be committed", error)
        return []


def _settle(gate: Gate, outcome: Outcome) -> None:
    """Tell one room; whatever it makes of that is none of the others' trouble."""
    try:
        gate.finish_commit(outcome)
    except Exception as error:
        gate.give_up("The end of a commit", error)
