"""What a server prints, line by line, while it runs."""

import re
from threading import Condition, Thread
from typing import IO


class Output:
    """
    Collects the lines of a stream in a thread and lets others wait for one.

    Args:
        stream: Read to its end.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.lines: list[str] = []
        self._ended = False
        self._changed = Condition()
        self._stream = stream
        self._thread = Thread(target=self._read, name="server-output", daemon=True)
        self._thread.start()

    def find(self, pattern: str, since: int = 0) -> list[str]:
        """The lines so far, from number ``since`` on, in which the pattern is found."""
        return [line for line in self.lines[since:] if re.search(pattern, line)]

    def wait_for(self, pattern: str, timeout: float, since: int = 0) -> str | None:
        """
        Wait for a line; None if the stream ends or the time is over before.

        Args:
            pattern: A regular expression, searched in each line.
            timeout: Seconds.
            since: The number of the first line that counts.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or self.find(pattern, since), timeout
            )
            found = self.find(pattern, since)
            return found[0] if found else None

    def join(self) -> None:
        """Wait for the end of the stream, so that no line is missed."""
        self._thread.join()

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._stream.close()
