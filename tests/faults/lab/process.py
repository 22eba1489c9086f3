"""A process that is started, paused, resumed and killed by a test."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.deadline import DEADLINE
from tests.servers.database import ROOT
from tests.servers.output import Output


class ProcessFailed(RuntimeError):
    """A process did not do what it should; the text is what it printed."""


class Process:
    """
    One command, as many times as it is started.

    Args:
        command: The program and its arguments.
        ready: A pattern in the line by which it says that it is ready.
        env: What it needs to know on top of this process's environment.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        ready: str,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [*command]
        self._ready = ready
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[str] | None = None
        self._outputs: list[Output] = []

    @property
    def pid(self) -> int:
        """The process of the present start."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> list[str]:
        """Every line so far, of all starts."""
        return [line for output in self._outputs for line in output.lines]

    async def start(self) -> None:
        """
        Start it and wait until it is ready.

        Raises:
            ProcessFailed: If it does not become ready.
        """
        assert not self.is_running
        self._begin()
        await self.wait_for_log(self._ready)

    async def wait_for_log(self, pattern: str, since: int = 0) -> str:
        """
        Wait for a line of the present start in which a pattern is found.

        Args:
            pattern: A regular expression.
            since: How many lines ``log`` had before the one that is waited for.

        Raises:
            ProcessFailed: If it does not come.
        """
        *earlier, output = self._outputs
        since = max(0, since - sum(len(one.lines) for one in earlier))
        line = await asyncio.to_thread(output.wait_for, pattern, DEADLINE, since)
        if line is None:
            raise ProcessFailed(f"No line matches {pattern!r}.\n{self._tail()}")
        return line

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        await self.ended()

    async def terminate(self) -> int:
        """SIGTERM, and wait for its own end; its exit code."""
        self._signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        """
        Wait for its end; its exit code, negative for the signal that killed it.

        Raises:
            ProcessFailed: If it does not end.
        """
        assert self._process is not None
        try:
            code = await asyncio.to_thread(self._process.wait, DEADLINE)
        except subprocess.TimeoutExpired as error:
            raise ProcessFailed(f"It does not end.\n{self._tail()}") from error
        await asyncio.to_thread(self._outputs[-1].join)
        return code

    def pause(self) -> None:
        """SIGSTOP: it does nothing more, and does not know."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause it for the block."""
        self.pause()
        try:
            yield
        finally:
            if self.is_running:
                self.resume()

    def remove(self) -> None:
        """Kill it, whatever state it is in."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._outputs[-1].join()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
        )
        assert self._process.stdout is not None
        self._outputs.append(Output(self._process.stdout))

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _tail(self) -> str:
        return "\n".join([" ".join(self._command), *self.log[-40:]])
