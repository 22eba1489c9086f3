"""A server in a process of its own: started, killed, stopped, started again."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.deadline import DEADLINE
from tests.servers.database import ROOT, environment, new_database
from tests.servers.output import Output
from tests.servers.ports import new_port

KINDS = ("uvicorn", "fast", "daphne")

GRACE = 10.0
"""Seconds that a server has to end itself when its tests are over."""

_COMMANDS = {
    "uvicorn": (
        ["uvicorn", "--ws-per-message-deflate", "false", "--no-access-log"],
        r"Uvicorn running on",
    ),
    "fast": (
        [
            *("uvicorn", "--ws", "partyrooms.server.websockets:Protocol"),
            *("--ws-per-message-deflate", "false", "--no-access-log"),
        ],
        r"Uvicorn running on",
    ),
    # It takes the application from the settings.
    "serve": (["django", "serve"], r"Uvicorn running on"),
    "daphne": (["daphne", "--access-log", os.devnull], r"Listening on TCP address"),
    "sansio": (
        [
            *("uvicorn", "--ws", "websockets-sansio"),
            *("--ws-per-message-deflate", "false", "--no-access-log"),
        ],
        r"Uvicorn running on",
    ),
    "wsproto": (
        ["uvicorn", "--ws", "wsproto", "--no-access-log"],
        r"Uvicorn running on",
    ),
    "hypercorn": (["hypercorn"], r"Running on http"),
    "granian": (["granian", "--interface", "asgi"], r"Started worker-1"),
}
_ATTEMPTS = 5


class ServerFailed(RuntimeError):
    """The server did not come up, or did not go down; the text is what it printed."""


class Server:
    """
    One server on one port and one database; ``serve()`` makes it.

    Attributes:
        kind: "uvicorn", "fast" (uvicorn with this package's class for WebSockets),
            "serve" (``manage.py serve``), "daphne", "sansio" and "wsproto" (uvicorn's
            other classes for WebSockets), "hypercorn" or "granian".
        port: On 127.0.0.1; the same after a restart.
        database: The SQLite file.
    """

    def __init__(
        self,
        kind: str,
        *,
        application: str,
        settings_module: str,
        database: Path,
        arguments: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.database = database
        self.port = new_port()
        self.lab_token = secrets.token_hex()
        self._application = application
        self._arguments = arguments
        self._env = {
            **environment(settings_module, database),
            "PARTYROOMS_LAB_TOKEN": self.lab_token,
            **(env or {}),
        }
        self._process: subprocess.Popen[str] | None = None
        self._outputs: list[Output] = []

    @property
    def http_url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The same for WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process of the present start."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> list[str]:
        """Every line so far, of all starts."""
        return [line for output in self._outputs for line in output.lines]

    async def wait_for_log(self, pattern: str, since: int = 0) -> str:
        """
        Wait for a line of the present start.

        Args:
            pattern: A regular expression, searched in each line.
            since: How many lines ``log`` had before the one that is waited for.

        Raises:
            ServerFailed: If it does not come.
        """
        earlier = sum(len(output.lines) for output in self._outputs[:-1])
        line = await asyncio.to_thread(
            self._outputs[-1].wait_for, pattern, DEADLINE, max(0, since - earlier)
        )
        if line is None:
            raise ServerFailed(f"No line matches {pattern!r}.\n{self._tail()}")
        return line

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        await asyncio.to_thread(self.start_blocking)

    async def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self._wait)

    async def terminate(self) -> int:
        """SIGTERM, and wait for the process's own end; its exit code."""
        self.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._wait)

    async def restart(self) -> None:
        """End what still runs by SIGTERM and start again on the same port."""
        if self.is_running:
            await self.terminate()
        await self.start()

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and do not wait."""
        assert self._process is not None
        self._process.send_signal(number)

    def start_blocking(self) -> None:
        """``start()`` for code without an event loop."""
        for _ in range(_ATTEMPTS):
            if self._try_to_start():
                return
            if self._outputs[-1].find("(?i)address already in use|CannotListen"):
                self.port = new_port()
                continue
            break
        raise ServerFailed(f"{self.kind} did not start.\n{self._tail()}")

    def stop_blocking(self) -> None:
        """End the process, by force where it does not end itself."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._wait()

    def _try_to_start(self) -> bool:
        command, ready = _COMMANDS[self.kind]
        name, *options = command
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", name, *options, *self._arguments),
                *self._address,
                *(() if self.kind == "serve" else (self._application,)),
            ],
            cwd=ROOT,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
        )
        assert self._process.stdout is not None
        output = Output(self._process.stdout)
        self._outputs.append(output)
        if output.wait_for(ready, DEADLINE) is not None:
            return True
        self._process.kill()
        self._wait()
        return False

    @property
    def _address(self) -> tuple[str, str]:
        if self.kind == "hypercorn":
            return "--bind", f"127.0.0.1:{self.port}"
        return "--port", str(self.port)

    def _wait(self) -> int:
        assert self._process is not None
        try:
            code = self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.wait()
            raise ServerFailed(f"{self.kind} hung.\n{self._tail()}") from error
        self._outputs[-1].join()
        return code

    def _tail(self) -> str:
        return "\n".join(self.log[-40:])


def make_server(
    kind: str,
    *,
    settings: Mapping[str, Any] | None = None,
    application: str = "tests.servers.site.asgi:application",
    settings_module: str = "tests.servers.site.settings",
    database: Path | None = None,
    arguments: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Server:
    """
    Make a server that does not run yet.

    Args:
        kind: As ``Server.kind``.
        settings: Django settings of the test site that differ; JSON-able.
        application: Module and attribute.
        settings_module: Its settings; they read the file's name from PARTYROOMS_DB.
        database: An existing file; None: a fresh one, migrated.
        arguments: More of the server's command line.
        env: More environment.
    """
    return Server(
        kind,
        application=application,
        settings_module=settings_module,
        database=database or new_database(settings_module),
        arguments=arguments,
        env={"PARTYROOMS_SITE": json.dumps(settings or {}), **(env or {})},
    )


@asynccontextmanager
async def serve(kind: str, **options: Any) -> AsyncIterator[Server]:
    """Run a server for the block; the options are those of ``make_server``."""
    server = make_server(kind, **options)
    await server.start()
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop_blocking)
