"""One writer at a time within a process, where the database has but one anyway."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock, get_ident

from django.db import connections


class Writer:
    """
    A lock that is handed over to those that wait, in their order.

    SQLite's own is not: whoever happens to look when the file is free gets it, and a
    heartbeat could find it locked until the lease is over. Nor is ``threading.Lock``.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._waiting: deque[Lock] = deque()
        self._is_held = False
        self._thread: int | None = None

    @contextmanager
    def alone(self, *, is_urgent: bool = False) -> Iterator[None]:
        """
        Hold it for the block; in a block of the same thread it is held already.

        Args:
            is_urgent: Before all that wait.
        """
        if self._thread == get_ident():
            yield
            return
        self._acquire(is_urgent=is_urgent)
        self._thread = get_ident()
        try:
            yield
        finally:
            self._thread = None
            self._release()

    def _acquire(self, *, is_urgent: bool) -> None:
        with self._guard:
            if not self._is_held:
                self._is_held = True
                return
            turn = Lock()
            turn.acquire()
            (self._waiting.appendleft if is_urgent else self._waiting.append)(turn)
        turn.acquire()

    def _release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_held = False


_writers: dict[str, Writer] = {}
"""That of each database, for all nodes of this process."""


def writing(database: str, *, is_urgent: bool = False) -> AbstractContextManager[None]:
    """
    Be this process's only node that writes, for a block; on SQLite alone.

    Args:
        database: The alias.
        is_urgent: Before all that wait.
    """
    if connections[database].vendor != "sqlite":
        return nullcontext()
    return _writers.setdefault(database, Writer()).alone(is_urgent=is_urgent)


if hasattr(os, "register_at_fork"):
    # A fork has none of the threads that hold them.
    os.register_at_fork(after_in_child=_writers.clear)
