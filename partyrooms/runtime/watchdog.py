"""Names the room that blocks the event loop, in a thread that nobody can block."""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Iterable
from sys import _current_frames as current_frames  # documented, whatever its name
from threading import Event, Thread, get_ident
from types import FrameType

from partyrooms.core.keys import RoomKey
from partyrooms.runtime.worker import Worker

logger = logging.getLogger("partyrooms.runtime")

CHECK_INTERVAL = 0.2
"""Seconds between two questions to the event loop."""

NAME_AFTER = 0.6
"""Seconds without an answer after which the log says who blocks: within a second."""

REPLACE_AFTER = 5.0
"""Seconds without an answer after which the process is given up, where it may be."""

OnStuck = Callable[[RoomKey], None]


class Watchdog:
    """
    Asks the event loop for a sign of life, and looks at what it does if none comes.

    Make it on the event loop that it watches.

    Args:
        workers: The rooms that may block; called in the watchdog's thread.
    """

    def __init__(self, workers: Callable[[], Iterable[Worker]]) -> None:
        self.on_stuck: OnStuck | None = None
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._thread_id = get_ident()
        self._answered = Event()
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="partyrooms-watchdog")
        self._thread.daemon = True

    def start(self) -> None:
        """Watch until ``stop()``, or until the event loop is closed."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; the thread ends by itself."""
        self._stop.set()

    def _watch(self) -> None:
        asked_at = looked_at = time.monotonic()
        self._answered.set()
        is_named = False
        while not self._stop.wait(CHECK_INTERVAL):
            now = time.monotonic()
            # A thread that was paused itself has watched nothing.
            was_paused = now - looked_at > 3 * CHECK_INTERVAL
            looked_at = now
            if self._answered.is_set() or was_paused:
                is_named = False
                asked_at = now
                if not self._ask():
                    return
            elif now - asked_at >= NAME_AFTER and not is_named:
                is_named = True
                self._name(now - asked_at)
            elif now - asked_at >= REPLACE_AFTER and self.on_stuck is not None:
                culprit = self._culprit()
                if culprit is not None:
                    self.on_stuck(culprit)

    def _ask(self) -> bool:
        self._answered.clear()
        try:
            self._loop.call_soon_threadsafe(self._answered.set)
        except RuntimeError:
            return False  # The loop is closed.
        return True

    def _name(self, duration: float) -> None:
        key = self._culprit()
        frame = current_frames().get(self._thread_id)
        if key is None and frame is not None and is_waiting(frame):
            return
        stack = traceback.extract_stack(frame) if frame is not None else []
        where = f"{stack[-1].filename}:{stack[-1].lineno}" if stack else "unknown"
        logger.error(
            "%s has blocked the event loop for %.1f s, at %s: every room and socket of "
            "this process waits. Use a plain def hook, or await what takes long.",
            key or "Something that is no room",
            duration,
            where,
            extra={"action": "loop_blocked", "room": str(key) if key else ""},
        )

    def _culprit(self) -> RoomKey | None:
        task = asyncio.current_task(self._loop)
        try:
            busy = tuple(self._workers())
        except RuntimeError:
            return None  # It changed meanwhile: so the loop goes on.
        for worker in busy:
            if task is not None and worker.runs(task):
                return worker.key
        return None


def is_waiting(frame: FrameType) -> bool:
    """
    Whether an event loop has nothing to do, at whose thread's innermost frame this is.

    It answers late then because the machine is slow, or was asleep: nobody blocks it.
    """
    module: str = frame.f_globals.get("__name__", "")
    # uvloop waits beneath what runs it, without a frame of its own.
    return module in ("selectors", "asyncio.runners")
