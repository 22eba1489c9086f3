"""Runs hooks in turns: catches what they raise, and cancels those that run too long."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from partyrooms.delivery.surroundings import within
from partyrooms.exceptions import HookTimeout
from partyrooms.runtime.connection import Connection
from partyrooms.runtime.hooks import log_failed_report
from partyrooms.runtime.life import Life
from partyrooms.runtime.turn import Turn, current
from partyrooms.usercode import contained

logger = logging.getLogger("partyrooms.runtime")

CANCEL_ATTEMPTS, CANCEL_PATIENCE = 3, 1.0
"""How often a hook is cancelled at a node's end, and seconds that it is given each."""


class HookRunner:
    """
    Runs the hooks of one room, one at a time, in the worker's task.

    Attributes:
        task: The worker's; None: it has never run.
        turn: The turn of the hook that is running; None: none is.
        is_over: The worker's task is to end, whatever a hook makes of that.

    Args:
        room: The room's key, as errors write it.
        timeout: Seconds that a hook may take; seen by ``sweep``, so a hook is cancelled
            at the first sweep after them, and again after as many if it goes on.
    """

    __slots__ = (
        *("_hook", "_room", "_seen", "_timeout"),
        *("is_over", "task", "turn"),
    )

    def __init__(self, room: str, timeout: float) -> None:
        self.task: asyncio.Task[None] | None = None
        self.turn: Turn | None = None
        self.is_over = False
        self._room = (room,)
        self._timeout = timeout
        self._hook = ""
        self._seen: tuple[Turn, float] | None = None

    async def attempt(
        self, hook: str, turn: Turn, work: Callable[..., Awaitable[Any]], *args: Any
    ) -> Exception | None:
        """
        Let a hook run in a turn.

        Args:
            hook: Its name, for errors.
            turn: Dropped if the hook fails; else left open for the caller to close.
            work: What to call with the rest, and to await.

        Returns:
            What it raised, or why it was interrupted; None: it ended well.

        Raises:
            CancelledError: If the worker's task was cancelled.
        """
        error: Exception | None = None
        # Known for long: asking asyncio costs more than all of this.
        task = cast("asyncio.Task[None]", self.task)
        # Not always 0: a library may have cancelled an earlier hook and kept quiet.
        cancelled = task.cancelling()
        self._hook, self.turn = hook, turn
        turn.chain = self._room
        current.set(turn)  # The worker's task has a context of its own.
        try:
            await work(*args)
        except asyncio.CancelledError as raised:
            if turn.interruption is None:
                if task.cancelling() > cancelled:
                    raise
                # Nobody cancelled the worker: the hook awaited something cancelled.
                error = RuntimeError(f"{hook} was left by a CancelledError")
                error.__cause__ = raised
        except BaseException as raised:  # a hook may raise whatever it likes
            error = contained(raised, hook)
        finally:
            self.turn = None
        if self.is_over:
            raise asyncio.CancelledError  # The hook has swallowed it.
        if turn.interruption is not None:
            while task.cancelling() > cancelled:
                task.uncancel()
            error = turn.interruption
        if error is not None:
            turn.drop()
        return error

    async def report(
        self,
        error: Exception,
        life: Life,
        connection: Connection | None,
        request: Any,
    ) -> None:
        """
        Tell ``on_exception``, in a turn of its own, what another hook raised.

        Args:
            error: What it raised.
            life: The room's present one.
            connection: Whose event it was; None: nobody's.
            request: What the event came from; None: from none.
        """
        report = partial(self._report, error, life, connection)
        await within(request, report, is_served=life.has_lane)

    async def _report(
        self, error: Exception, life: Life, connection: Connection | None
    ) -> None:
        turn = Turn(life.outputs)
        told = life.hooks.on_exception
        raised = await self.attempt("on_exception", turn, told, error, connection)
        if raised is None:
            life.gate.close(turn)
        else:
            log_failed_report(life.key, raised, error)

    def interrupt(self, error: Exception) -> None:
        """Cancel the hook that is running, if there is one."""
        task, turn = self.task, self.turn
        if turn is None or task is None:
            return
        if turn.interruption is None:
            turn.interruption = error
            turn.is_open = False
        task.cancel()

    async def end(self) -> None:
        """Cancel the worker's task, and the hook in it, which may not like that."""
        task = self.task
        self.is_over = True
        for _ in range(CANCEL_ATTEMPTS):
            if task is None or task.done():
                break
            task.cancel()
            await asyncio.wait([task], timeout=CANCEL_PATIENCE)
        else:
            logger.error(
                "A hook of %s goes on although it was cancelled; nothing of it counts.",
                *self._room,
                extra={"action": "hook_goes_on", "room": self._room[0]},
            )
        self.is_over = False

    @property
    def is_running(self) -> bool:
        """Whether a hook has begun and not ended."""
        return self.turn is not None

    def sweep(self, now: float) -> bool:
        """
        Cancel a hook that runs too long; whether one is running.

        Instead of a timer for each hook: a turn seen twice, the timeout apart, is late.
        """
        turn = self.turn
        if turn is None:
            self._seen = None
            return False
        if self._seen is None or self._seen[0] is not turn:
            self._seen = (turn, now)
        elif now - self._seen[1] >= self._timeout:
            self._seen = (turn, now)
            self.interrupt(HookTimeout(self._hook, self._timeout))
        return True
