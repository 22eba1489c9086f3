"""Notes that rooms leave for tests, and gates that hold rooms up until a test opens."""

import asyncio
from collections import defaultdict
from threading import Lock
from typing import Any


class Notes:
    """An ordered list that any thread may add to and any coroutine wait for."""

    def __init__(self) -> None:
        self.entries: list[list[Any]] = []
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._lock = Lock()

    def add(self, *words: Any) -> None:
        """Append one note and wake whoever waits."""
        with self._lock:
            self.entries.append(list(words))
            for loop, changed in self._waiting:
                loop.call_soon_threadsafe(changed.set)

    async def wait(self, word: str, times: int) -> None:
        """Return when so many notes begin with the word."""
        changed = asyncio.Event()
        entry = (asyncio.get_running_loop(), changed)
        with self._lock:
            self._waiting.add(entry)
        try:
            while self.count(word) < times:
                await changed.wait()
                changed.clear()
        finally:
            with self._lock:
                self._waiting.discard(entry)

    def count(self, word: str) -> int:
        """How many notes begin with the word."""
        return sum(entry[0] == word for entry in self.entries)


notes: defaultdict[str, Notes] = defaultdict(Notes)
_gates: defaultdict[str, Notes] = defaultdict(Notes)


def note(name: str, *words: Any) -> None:
    """Leave a note; the first word says what it is. JSON-able."""
    notes[name].add(*words)


async def gate(name: str) -> None:
    """Wait until a test opens the gate of this name; at once when it has."""
    _gates[name].add("reached")
    await _gates[name].wait("open", 1)


async def reached(name: str, times: int) -> None:
    """Wait until so many have come to the gate."""
    await _gates[name].wait("reached", times)


def open_gate(name: str) -> None:
    """Let them pass, now and later."""
    _gates[name].add("open")
