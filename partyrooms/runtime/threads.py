"""The threads of hooks: of plain functions, and of what coroutines ask of the ORM."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from threading import Condition
from typing import Any

from asgiref.sync import ThreadSensitiveContext

from partyrooms.databases import look_after_work, look_around, thread_in_use

HOOK_THREADS = 32
"""How many hooks that are plain functions run at the same time."""

LINGER = 0.1
"""Seconds that a lane keeps its thread, and so its connection, for another call."""

LANE_TIME = 1.0
"""Seconds after which a lane gives its thread back, so that none seems to hang."""


class HookThreads(Executor):
    """
    Runs sync code of hooks in a pool, and leaves the pool to what does not end.

    Database connections are closed before and after by Django's rules.

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
        self.clock = clock
        self._size = size
        self._queued: set[object] = set()
        self._begin()

    @property
    def is_wanted(self) -> bool:
        """Whether work waits for a thread."""
        return bool(self._queued)

    def submit(
        self, work: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        """Run work in a thread as soon as one is free."""
        begun = self._begun
        if len(begun) * 2 >= self._size and self._is_spent():
            self._pool.shutdown(wait=False)
            begun = self._begin()

        me = object()

        def run() -> Any:
            self._queued.discard(me)
            begun[me] = self.clock()
            try:
                with thread_in_use():
                    return work(*args, **kwargs)
            finally:
                del begun[me]

        self._queued.add(me)
        future = self._pool.submit(run)
        future.add_done_callback(lambda _: self._queued.discard(me))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def _begin(self) -> dict[object, float]:
        self._pool = ThreadPoolExecutor(self._size, "partyrooms-hook")
        self._begun: dict[object, float] = {}
        return self._begun

    def _is_spent(self) -> bool:
        late = self.clock() - self._timeout
        hanging = sum(begun <= late for begun in tuple(self._begun.values()))
        return hanging * 2 >= self._size


class Lane(Executor):
    """
    Runs one call after another, in a thread that it has only while calls come.

    asgiref takes it for a thread of its own: thread-sensitive calls of one task, as
    the async ORM makes them, wait for each other and for nobody else's. Between two
    calls that follow within ``LINGER`` thread and connection stay the same, unless
    others wait for a thread.

    Args:
        threads: The pool that it shares with all other lanes.
    """

    def __init__(self, threads: HookThreads) -> None:
        self._threads = threads
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._changed = Condition()
        self._has_thread = False

    def submit(
        self, work: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        """Run work behind all that came before."""
        future: Future[Any] = Future()
        with self._changed:
            if not self._has_thread:
                self._threads.submit(self._run)
                self._has_thread = True
            self._calls.append((future, partial(work, *args, **kwargs)))
            self._changed.notify()
        return future

    def _run(self) -> None:
        until = self._threads.clock() + LANE_TIME
        with self._changed:
            call: tuple[Future[Any], Callable[[], Any]] | None = self._calls.popleft()
        while call is not None:
            future, work = call
            if future.set_running_or_notify_cancel():
                look_around()
                try:
                    result = work()
                except BaseException as error:
                    look_after_work()
                    future.set_exception(error)
                else:
                    look_after_work()
                    future.set_result(result)
            del call, future, work
            call = self._next(until)

    def _next(self, until: float) -> tuple["Future[Any]", Callable[[], Any]] | None:
        """The next call; None: the thread is given back."""
        threads = self._threads
        with self._changed:
            if not self._calls and not threads.is_wanted:
                self._changed.wait(LINGER)
            if not self._calls:
                self._has_thread = False
                return None
            if not threads.is_wanted and threads.clock() < until:
                return self._calls.popleft()
            try:
                threads.submit(self._run)
            except RuntimeError:  # The node has ended: what waits never begins.
                while self._calls:
                    self._calls.popleft()[0].cancel()
                self._has_thread = False
        return None


async def take_lane(threads: HookThreads) -> None:
    """
    Give the running task a lane for its thread-sensitive calls.

    It is never left: tasks that a hook starts may outlive it, and keep the lane.
    """
    await ThreadSensitiveContext(executor=Lane(threads)).__aenter__()  # type: ignore[no-untyped-call]
