"""Where a benchmark takes place: two cores, a folder, servers, one load at a time."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.databases import Databases
from benchmarks.figures import Turn
from benchmarks.load.loads import Load, Order
from benchmarks.partykit import WorkerBuild
from benchmarks.peers import ROOT, Server
from benchmarks.processes import (
    BenchmarkError,
    Started,
    free_port,
    last_line,
    on_core,
    valkey_process,
    web_process,
    worker_process,
)

SPARE_TIME = 240.0  # seconds that a run may take on top of what it measures


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


class Arena:
    """
    A folder for the databases of one benchmark, and the two cores.

    Use it as a context manager: the folder goes with it.
    """

    def __init__(self, cores: Cores) -> None:
        self.cores = cores
        self._logs = 0

    def __enter__(self) -> "Arena":
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        # Thousands of sockets on either side; what is started has the same limit.
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._exits = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="partyrooms-benchmark-"))
        self._exits.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._databases = self._exits.enter_context(
            Databases(self._folder, self.cores.server)
        )
        self._worker = WorkerBuild(self._folder)
        return self

    def __exit__(self, *error: object) -> None:
        self._exits.close()

    @contextmanager
    def serve(self, server: Server) -> Iterator[RunningServer]:
        """
        Run a server, with an empty database of its own, for the length of a block.

        Raises:
            BenchmarkError: If it does not start.
        """
        environment = os.environ | server.environment
        directory = self._directory(server.checkout)
        with ExitStack() as stack:
            others: list[Started] = []
            if server.settings is not None:
                environment |= self._databases.new(server, directory)
            if server.layer is not None:
                valkey = stack.enter_context(valkey_process(self.cores.server))
                environment["BENCHMARK_LAYER"] = server.layer
                environment["BENCHMARK_REDIS"] = valkey.word
                others.append(valkey)
            webs = [
                stack.enter_context(self._web(server, directory, environment))
                for _ in range(server.webs)
            ]
            for _ in range(server.workers):
                worker = worker_process(
                    core=self.cores.server,
                    directory=directory,
                    environment=environment,
                    log=self._log(),
                )
                others.append(stack.enter_context(worker))
            ids = [one.process_id for one in (*webs, *others)]
            if server.postgres:
                ids.append(self._databases.postgres_process_id)
            yield RunningServer(
                ports=tuple(int(web.word) for web in webs),
                process_ids=tuple(ids),
                log=webs[0].log,
            )

    def load(
        self, load: Load, server: RunningServer, *, warm_up: float, duration: float
    ) -> Turn:
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
            warm_up=warm_up,
            duration=duration,
        )
        try:
            with on_core(self.cores.generator):
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.load", _encode(order)],
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    timeout=warm_up + duration + SPARE_TIME,
                    check=True,
                )
        except subprocess.CalledProcessError as error:
            log = last_line(server.log.read_text())
            words = f"{last_line(error.stderr)} (server: {log})"
            raise BenchmarkError(words) from error
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"no result within {error.timeout:g} s") from error
        return msgspec.json.decode(done.stdout, type=Turn)

    def _web(
        self, server: Server, directory: Path, environment: Mapping[str, str]
    ) -> AbstractContextManager[Started]:
        port = free_port()
        return web_process(
            self._command(server, port),
            port=port,
            core=self.cores.server,
            directory=directory,
            environment=environment,
            log=self._log(),
        )

    def _command(self, server: Server, port: int) -> list[str]:
        if server.program == "workerd":
            return self._worker.command(port)
        python = [sys.executable, "-m"]
        address = ["--host", "127.0.0.1", "--port", str(port)]
        if server.program == "serve":
            return [*python, "django", "serve", *address]
        application = f"benchmarks.servers.{server.module}:application"
        return [
            *(*python, "uvicorn", application, *address),
            *("--loop", "uvloop", "--http", "httptools", "--ws", server.protocol),
            *("--ws-per-message-deflate", "false", "--no-access-log"),
            *("--log-level", "warning"),
        ]

    def _directory(self, checkout: Path) -> Path:
        """Return a folder with this checkout's benchmarks and that one's package."""
        if checkout == ROOT:
            return ROOT
        directory = self._folder / f"checkout{str(checkout).replace('/', '-')}"
        if not directory.exists():
            directory.mkdir()
            (directory / "benchmarks").symlink_to(ROOT / "benchmarks")
            (directory / "partyrooms").symlink_to(checkout / "partyrooms")
        return directory

    def _log(self) -> Path:
        self._logs += 1
        return self._folder / f"{self._logs}.log"


def _encode(order: Order) -> str:
    return msgspec.json.encode(order).decode()
