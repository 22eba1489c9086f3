"""Gives rooms up in groups: those of a node that ends share transactions."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Claim, Handover
from partyrooms.ports.store import Store

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]

_Wait = tuple[Claim, Handover, "asyncio.Future[None]"]

GROUP = 500
"""Rooms in one transaction: each waits for all of them."""


class Releaser:
    """
    Releases rooms for one node, one transaction at a time.

    While one is under way, further rooms gather for the next one.

    Args:
        store: Where to.
        spawn: Starts a task that the node owns.
    """

    def __init__(self, store: Store, spawn: Spawn) -> None:
        self._store = store
        self._spawn = spawn
        self._waiting: list[_Wait] = []
        self._group: list[_Wait] = []
        self._task: asyncio.Task[None] | None = None

    async def release(self, claim: Claim, handover: Handover) -> None:
        """
        Give a room up; see ``Store.release``. Cancelling stops the wait, not the work.

        Raises:
            StoreUnavailable: If the database did not answer.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((claim, handover, done))
        if self._task is None:
            self._start()
        await done

    def _start(self) -> None:
        self._task = self._spawn(self._run())
        self._task.add_done_callback(self._end)

    async def _run(self) -> None:
        while self._waiting:
            group = self._group = self._waiting[:GROUP]
            del self._waiting[:GROUP]
            error = await self._attempt([one[:2] for one in group])
            is_ones = error is not None and not isinstance(error, StoreUnavailable)
            for claim, handover, done in group:
                # What is wrong with one room must not hold up the others.
                if is_ones and len(group) > 1:
                    error = await self._attempt([(claim, handover)])
                if done.done():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

    async def _attempt(self, batch: list[tuple[Claim, Handover]]) -> Exception | None:
        try:
            await self._store.release(batch)
        except Exception as error:  # each that waits is told
            return error
        return None

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if task.cancelled():  # perhaps before it had begun
            for *_, done in [*self._group, *self._waiting]:
                done.cancel()
        elif self._waiting:  # since its last look
            self._start()
