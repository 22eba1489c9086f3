"""SQLite files for servers: migrated once for each settings module, then copied."""

import atexit
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.deadline import DEADLINE

ROOT = Path(__file__).resolve().parents[2]


@cache
def folder() -> Path:
    """Where this run's files are; removed when the process ends."""
    path = Path(tempfile.mkdtemp(prefix="partyrooms-servers-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def environment(settings_module: str, database: Path) -> dict[str, str]:
    """What a process of the site needs to know, on top of this one's environment."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings_module,
        "PARTYROOMS_DB": str(database),
        "PYTHONUNBUFFERED": "1",
        # The suite's own dev mode would only slow the servers down.
        "PYTHONDEVMODE": "",
    }


@cache
def _template(settings_module: str) -> Path:
    path = folder() / f"{settings_module}.sqlite3"
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=environment(settings_module, path),
        check=True,
        timeout=DEADLINE,
    )
    return path


def new_database(settings_module: str) -> Path:
    """A fresh file with every table of these settings."""
    descriptor, name = tempfile.mkstemp(suffix=".sqlite3", dir=folder())
    os.close(descriptor)
    template = _template(settings_module)
    shutil.copy(template, name)
    # What is still in the write-ahead log belongs to the database, too.
    log = template.with_name(f"{template.name}-wal")
    if log.exists():
        shutil.copy(log, f"{name}-wal")
    return Path(name)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keep every other process from writing to a file for the block."""
    with closing(
        sqlite3.connect(database, timeout=DEADLINE, isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def execute(database: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement behind a server's back, and commit it."""
    with closing(
        sqlite3.connect(database, timeout=DEADLINE, isolation_level=None)
    ) as other:
        return other.execute(statement, values).fetchall()


def _connect(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=DEADLINE, isolation_level=None)
