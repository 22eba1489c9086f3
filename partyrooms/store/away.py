"""Which errors of a database say that it is away, and not that it was asked wrongly."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from partyrooms.exceptions import StoreUnavailable

AWAY_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
"""
Classes of SQLSTATE that pass by themselves.

Connection lost; transaction rolled back for another one's sake (serialization,
deadlock); too many connections, memory or disk full; lock not available; statement
cancelled, shut down, cannot connect now; errors of the system.
"""

AWAY_CODES = frozenset({"25006", "25P03", "25P04", "42P01"})
"""
Single ones: read-only, as a former primary is after a fail-over; a transaction ended
for its idleness, or its length; a table that is still to be migrated.
"""


def is_away(error: BaseException) -> bool:
    """
    Whether the same may be asked again, later, and may go well then.

    Postgres says so by SQLSTATE. Where there is none (SQLite; a connection that cannot
    be made, or broke), the class of the exception tells.
    """
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    code = _sqlstate(error)
    if code is None:
        return isinstance(error, OperationalError | InterfaceError)
    return code[:2] in AWAY_CLASSES or code in AWAY_CODES


@contextmanager
def away_is_unavailable(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Raise ``StoreUnavailable`` for what says that the database is away."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if not is_away(error):
            raise
        raise StoreUnavailable(
            f"The database {connection.alias!r} did not do what it was asked: "
            f"{error}. {_advice(connection, error)}"
        ) from error


def _sqlstate(error: BaseException) -> str | None:
    """What Postgres called the error; None: nothing, or it is another database."""
    cause = error.__cause__
    # Of psycopg 3, and of psycopg2.
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return code if isinstance(code, str) else None


def _advice(connection: BaseDatabaseWrapper, error: Exception) -> str:
    if connection.vendor == "sqlite" and "locked" in str(error):
        return (
            "Another transaction holds it. In a test that is TestCase's own: rooms "
            "need a TransactionTestCase, or partyrooms.testing."
        )
    return "Is it up, and is `manage.py migrate` done?"
