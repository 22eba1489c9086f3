"""Database connections of threads that serve no request: Django's rules for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

_troubles: dict[str, int] = {}
"""How often a connection of an alias was found in trouble."""

_known: "WeakKeyDictionary[BaseDatabaseWrapper, int]" = WeakKeyDictionary()
"""How many of them a connection was looked at after."""


@contextmanager
def thread_in_use() -> Iterator[None]:
    """
    Close connections before and after work in a thread, as Django does for a request.

    What is unusable or older than ``CONN_MAX_AGE`` is closed. After an error in one
    thread the connections of all others are looked at before they are used again: a
    database that was restarted is met by one error, not by one for each thread.
    """
    look_around()
    close_obsolete()
    try:
        yield
    finally:
        look_after_work()
        close_obsolete()


def close_obsolete() -> None:
    """Close this thread's connections that Django would not use for a new request."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()


def look_around() -> None:
    """Close what another thread's trouble may have made unusable."""
    for connection in connections.all(initialized_only=True):
        count = _troubles.get(connection.alias, 0)
        if _known.get(connection, 0) != count:
            _known[connection] = count
            _close_unusable(connection)


def look_after_work() -> None:
    """Close what is unusable after an error, and let the other threads look, too."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block:
            note_trouble(connection)
            _close_unusable(connection)


def note_trouble(connection: BaseDatabaseWrapper) -> None:
    """Let the other connections of the same database be looked at before their use."""
    count = _troubles.get(connection.alias, 0) + 1
    _troubles[connection.alias] = _known[connection] = count


def _close_unusable(connection: BaseDatabaseWrapper) -> None:
    if connection.connection is None or connection.in_atomic_block:
        return
    if connection.is_usable():
        connection.errors_occurred = False
    else:
        connection.close()
