"""Database sessions of a node's own threads, none of which waits without a bound."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from partyrooms.nodes.process import boot_clock

logger = logging.getLogger("partyrooms.nodes")

MAX_PATIENCE = 5.0
"""Seconds that a statement may take: three in a row end within the 15 s of D9."""

LOOKS = 8
"""How often, in that time, it is looked whether a statement takes longer."""


@dataclass(eq=False, slots=True)
class Wait:
    """A thread that waits for the database, and until when, by ``boot_clock``."""

    connection: BaseDatabaseWrapper
    thread: str
    until: float


class Sessions:
    """
    Opens sessions of this node's own on Postgres, and ends those that are silent.

    A network that swallows packets, or a proxy that does, leaves a client waiting for
    an answer for ever. So Postgres is told how long a statement may take, and where
    not even its refusal comes a thread of this object shuts the socket down: whoever
    waits gets an ``OperationalError``. When one session was silent, those that are as
    old are not trusted any more. On other databases it does nothing.

    Only connections of the threads that it is used in are concerned, never the
    project's. All methods may be called from any thread.

    Args:
        database: The alias.
        patience: Seconds that a statement may take, and that a transaction may be
            idle: a process that was stopped in the middle of one would keep its rooms'
            rows locked.
    """

    def __init__(self, database: str, patience: float) -> None:
        self._database = database
        self._patience = min(patience, MAX_PATIENCE)
        self._waits: set[Wait] = set()
        self._ages: WeakKeyDictionary[BaseDatabaseWrapper, int] = WeakKeyDictionary()
        self._silences = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def waiting(self) -> Iterator[BaseDatabaseWrapper]:
        """Have this thread's connection, open, while the block asks the database."""
        connection = connections[self._database]
        if connection.vendor != "postgresql":
            yield connection
            return
        with self.watched(connection) as wait:
            self._open(connection)
            with connection.execute_wrapper(self._renewing(wait)):
                yield connection

    @contextmanager
    def watched(self, connection: BaseDatabaseWrapper) -> Iterator[Wait]:
        """End the session if the block takes longer than a statement may."""
        wait = Wait(connection, threading.current_thread().name, self._deadline())
        if connection.vendor == "postgresql":
            self._start()
            with self._lock:
                self._waits.add(wait)
        try:
            yield wait
        finally:
            # Under the lock: the session that is shut down is still this one.
            with self._lock:
                self._waits.discard(wait)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()

    def _deadline(self) -> float:
        # Postgres cancels what takes too long by itself, if it hears of it.
        return boot_clock() + self._patience * (1 + 1 / LOOKS)

    def _renewing(self, wait: Wait) -> Any:
        def renew(execute: Any, *args: Any) -> Any:
            wait.until = self._deadline()
            return execute(*args)

        return renew

    def _open(self, connection: BaseDatabaseWrapper) -> None:
        is_old = self._ages.get(connection) != self._silences
        if connection.connection is not None and is_old:
            connection.close()
        if connection.connection is not None:
            return
        with self._lock:
            self._ages[connection] = self._silences
        options = {**self._options(), **connection.settings_dict["OPTIONS"]}
        # A session of a pool would take what is set below to others.
        options.pop("pool", None)
        connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, false),"
                " set_config('idle_in_transaction_session_timeout', %s, false)",
                [f"{self._patience * 1000:.0f}"] * 2,
            )

    def _options(self) -> dict[str, int]:
        """Parameters of libpq, where the project has none of its own."""
        seconds = max(2, round(self._patience))  # It takes no less, and whole ones.
        return {
            "connect_timeout": seconds,
            "tcp_user_timeout": round(self._patience * 1000),
            "keepalives_idle": seconds,
            "keepalives_interval": 1,
            "keepalives_count": seconds,
        }

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._look, name="partyrooms-patience", daemon=True
                    )
                    self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(self._patience / LOOKS):
            now = boot_clock()
            with self._lock:
                for wait in [one for one in self._waits if one.until < now]:
                    wait.until = now + self._patience
                    self._silences += 1
                    self._end(wait)

    def _end(self, wait: Wait) -> None:
        with suppress(Exception):  # By now it may be closed, or not yet open.
            copy = os.dup(wait.connection.connection.fileno())
            with socket.socket(fileno=copy) as session:
                session.shutdown(socket.SHUT_RDWR)
            logger.warning(
                "The database %r has been silent for %g s: %s ends its session and "
                "asks again in a new one",
                self._database,
                self._patience,
                wait.thread,
                extra={"action": "database_silent"},
            )
