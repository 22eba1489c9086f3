"""What a database says when it is away, and when it was asked wrongly."""

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
)

from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Outcome, RoomCommit
from partyrooms.store.away import away_is_unavailable, is_away
from tests.store.conftest import POSTGRES

PASSES = {
    "08006": OperationalError,
    "08P01": OperationalError,
    "25006": InternalError,
    "25P03": InternalError,
    "40001": OperationalError,
    "40P01": OperationalError,
    "42P01": ProgrammingError,
    "53300": OperationalError,
    "55P03": OperationalError,
    "57014": OperationalError,
    "57P01": OperationalError,
    "57P03": OperationalError,
    "58030": OperationalError,
}
STAYS = {
    "22001": DataError,
    "22021": DataError,
    "23505": IntegrityError,
    "25P02": InternalError,
    "42601": ProgrammingError,
    # A statement, or an entry of an index, that is too large.
    "54000": OperationalError,
    "XX001": InternalError,
}


class DriverError(Exception):
    """What a driver raises, as far as it is looked at."""


def raised(kind, **attributes):
    error = kind("why")
    error.__cause__ = cause = DriverError("why")
    for name, value in attributes.items():
        setattr(cause, name, value)
    return error


@pytest.mark.parametrize("attribute", ["sqlstate", "pgcode"])
@pytest.mark.parametrize(("code", "kind"), [*PASSES.items(), *STAYS.items()])
def test_d9_postgres_says_by_sqlstate_that_it_is_away(attribute, code, kind):
    """D9: whatever class the driver makes of it, with psycopg 3 and psycopg2."""
    assert is_away(raised(kind, **{attribute: code})) is (code in PASSES)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (raised(OperationalError, sqlstate=None), True),
        (raised(InterfaceError, pgcode=None), True),
        (OperationalError("database is locked"), True),
        (IntegrityError("unique"), False),
        (ProgrammingError("syntax"), False),
        (ValueError("no database's"), False),
    ],
)
def test_d9_without_an_sqlstate_the_class_tells(error, expected):
    """D9: SQLite has no codes, nor has a connection that cannot be made."""
    assert is_away(error) is expected


def test_d9_what_is_no_fault_of_the_database_is_raised_as_it_is():
    """D9: it would fail again, however often it is asked."""
    error = raised(DataError, sqlstate="22001")

    with pytest.raises(DataError) as caught, away_is_unavailable(connection):
        raise error

    assert caught.value is error


@pytest.mark.parametrize("database", [POSTGRES], indirect=True)
async def test_d9_a_database_that_is_read_only_is_unavailable(database):
    """D9: as a former primary is; a commit is repeated, and then it is written."""
    async with database.store() as store:
        claim = await store.claim(RoomKey("chat", "lobby"))
        commit = RoomCommit(claim=claim, version=0, writes=WriteSet())
        commit.writes.put(b"a", b"1")
        setting = "default_transaction_read_only"
        await store._write(execute, database.alias, f"SET {setting} = on")

        with pytest.raises(StoreUnavailable, match="read-only"):
            await store.commit([commit])

        assert await store.commit([commit]) == [Outcome.COMMITTED]


def execute(alias, statement):
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
