"""The threads of hooks that are plain functions, also of those that never end."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

HOOK_THREADS = 32
"""How many hooks that are plain functions run at the same time."""


class HookThreads(Executor):
    """
    Runs plain hooks in a pool, and leaves the pool to those that do not end.

    Nothing can end a thread: a hook that hangs keeps its own after its time is up. So
    that such hooks hurt only their rooms, a pool that is half full of them takes no
    more work, and a new one does.

    Args:
        timeout: Seconds after which nobody waits for a hook any more.
        clock: Seconds that never run backwards; called in threads, too.
        size: Threads of a pool.
    """

    def __init__(
        self, timeout: float, clock: Callable[[], float], size: int = HOOK_THREADS
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._size = size
        self._begin()

    def submit(
        self, work: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        """Run work in a thread as soon as one is free."""
        begun = self._begun
        if len(begun) * 2 >= self._size and self._is_spent():
            self._pool.shutdown(wait=False)
            begun = self._begin()

        def run() -> Any:
            me = object()
            begun[me] = self._clock()
            try:
                return work(*args, **kwargs)
            finally:
                del begun[me]

        return self._pool.submit(run)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def _begin(self) -> dict[object, float]:
        self._pool = ThreadPoolExecutor(self._size, "partyrooms-hook")
        self._begun: dict[object, float] = {}
        return self._begun

    def _is_spent(self) -> bool:
        late = self._clock() - self._timeout
        hanging = sum(begun <= late for begun in tuple(self._begun.values()))
        return hanging * 2 >= self._size
