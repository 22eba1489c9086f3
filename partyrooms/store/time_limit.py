"""The end of a transaction whose thread cannot be cancelled."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from threading import Lock, Timer
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from partyrooms.exceptions import BlockTimeout

INTERRUPT_INTERVAL = 0.1
"""Seconds between two tries to interrupt the statement that runs."""


class TimeLimit:
    """
    Rolls a transaction of another thread back when its time is over.

    From then on each statement of the transaction raises ``BlockTimeout``. Statements
    and the rollback take turns, so that none runs on a connection that has no
    transaction any more.

    Args:
        connection: What the transaction is on.
        seconds: How long it may take.
        on_over: Called after the rollback, in a thread of its own.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        seconds: float,
        on_over: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._seconds = seconds
        self._on_over = on_over
        self._lock = Lock()
        self._is_due = False
        self._has_ended = False
        self._timer = Timer(seconds, self._end)
        self._timer.daemon = True

    @property
    def is_over(self) -> bool:
        """Whether the transaction was rolled back, or is about to be, for its time."""
        return self._is_due and not self._has_ended

    def begin(self, transaction: ExitStack) -> None:
        """Begin to count, for a transaction that has begun."""
        transaction.enter_context(self._connection.execute_wrapper(self._execute))
        self._timer.start()

    def end(self) -> bool:
        """
        Count no more: the transaction is about to end by itself.

        Returns:
            False: it was rolled back.
        """
        self._timer.cancel()
        with self._lock:
            self._has_ended = not self._is_due
        return self._has_ended

    def _execute(self, execute: Callable[..., Any], *statement: Any) -> Any:
        with self._lock:
            if self._is_due:
                raise BlockTimeout(self._seconds)
            return execute(*statement)

    def _end(self) -> None:
        self._is_due = True
        session: Any = self._connection.connection
        # The names of sqlite3 and of psycopg for the same; both allow it to any thread.
        interrupt = "interrupt" if hasattr(session, "interrupt") else "cancel"
        while not self._lock.acquire(timeout=INTERRUPT_INTERVAL):
            with suppress(Exception):  # the statement, or the session, has just ended
                getattr(session, interrupt)()
        try:
            if not self._has_ended:
                # A session that is gone takes its transaction with it.
                with suppress(Exception):
                    session.rollback()
                self._on_over()
        finally:
            self._lock.release()
