"""A reader's own project: made, changed, checked and served as the pages say."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.deadline import DEADLINE
from tests.docs.pages import Block
from tests.servers.client import Client
from tests.servers.database import ROOT
from tests.servers.output import Output
from tests.servers.ports import new_port

OpenTab = Callable[[str], Awaitable[Client]]


# Settings of the test, over the reader's: Daphne says when it listens.
OBSERVED = """
from mysite.settings import *

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"daphne.server": {"handlers": ["console"], "level": "INFO"}},
}
"""


class Project:
    """
    A Django project in an empty folder, and at most one server of it.

    Args:
        folder: The empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = new_port()
        self._command = ""
        self._exported: dict[str, str] = {}
        self._server: subprocess.Popen[str] | None = None
        self._output: Output | None = None

    @property
    def http_url(self) -> str:
        """Scheme, host and port of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The same for WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    def write(self, block: Block) -> None:
        """Write the files that a block is made of."""
        files = block.files()
        assert files, f"{block.place} does not say which file it is"
        for path, is_added, text in files:
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{file.read_text()}\n{text}" if is_added else text)

    def run(self, command: str) -> str:
        """
        Run a command in the folder, with the tests' Python and this partyrooms.

        Returns:
            What it printed.
        """
        done = subprocess.run(
            command.split(),
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def beside(self, command: str, ready: str) -> Iterator[None]:
        """Run a command beside the server, from the line ``ready`` of its output on."""
        process = subprocess.Popen(
            command.split(),
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        output = Output(process.stdout)
        try:
            assert output.wait_for(ready, DEADLINE), "\n".join([command, *output.lines])
            yield
        finally:
            process.terminate()
            process.wait(DEADLINE)
            output.join()

    def export(self, line: str) -> None:
        """Have the shell set a variable, for what is run and served from now on."""
        name = line.removeprefix("export ").partition("=")[0]
        done = subprocess.run(
            ["bash", "-c", f"{line}; printenv {name}"],
            env=self._environment(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
        self._exported[name] = done.stdout.strip()

    def serve(self, command: str) -> None:
        """Start a server with its command, on a free port, and wait until it is up."""
        self.stop()
        self._command = command
        environment = self._environment()
        if "runserver" in command:
            ready = r"Listening on TCP address"
            command = f"{command} --noreload 127.0.0.1:{self.port}"
            (self.folder / "observed.py").write_text(OBSERVED)
            environment["DJANGO_SETTINGS_MODULE"] = "observed"
        else:
            ready = r"Uvicorn running on"
            command = f"{command.replace(' --port 8000', '')} --port {self.port}"
        self._server = subprocess.Popen(
            command.split(),
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._server.stdout is not None
        self._output = Output(self._server.stdout)
        is_up = self._output.wait_for(ready, DEADLINE)
        assert is_up, "\n".join([command, *self._output.lines])

    def reload(self) -> None:
        """Start the server again, if one is running."""
        if self._server is not None:
            self.serve(self._command)

    def printed(self, pattern: str) -> str:
        """A line of the server's in which the pattern is found; it is waited for."""
        assert self._output is not None, "no server is running"
        line = self._output.wait_for(pattern, DEADLINE)
        assert line is not None, "\n".join([pattern, *self._output.lines])
        return line

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask the server with GET."""
        return httpx.get(f"{self.http_url}{path}", timeout=DEADLINE, **options)

    def post(self, path: str, data: dict[str, str]) -> httpx.Response:
        """Send the server a form."""
        return httpx.post(f"{self.http_url}{path}", timeout=DEADLINE, data=data)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server, if one is running, with a signal."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(number)
        try:
            server.wait(DEADLINE)
        finally:
            server.kill()
            server.wait()
        if self._output is not None:
            self._output.join()

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        kept = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        return {
            **kept,
            **self._exported,
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDEVMODE": "",
        }
