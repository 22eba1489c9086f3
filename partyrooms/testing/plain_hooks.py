"""Where plain hooks run in the testing kit: in the test's own thread, mostly."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from partyrooms.runtime.turn import current
from partyrooms.usercode import Hook

Connections = dict[str, BaseDatabaseWrapper]


class PlainHooks:
    """
    Makes coroutine functions of plain hooks: the testing kit's ``in_thread``.

    They run in the test's own thread, where its database connections are, and its open
    transaction. A hook that waits for the plain hook of another room keeps that thread:
    then the other one runs in a second thread, with the first one's connections, which
    nobody else uses meanwhile.
    """

    def __init__(self) -> None:
        self._running: dict[str, Connections] = {}
        self._threads: list[ThreadPoolExecutor] = []

    def __call__(self, hook: Callable[..., Any]) -> Hook:
        """Make a coroutine function of a plain one."""

        async def run(*args: Any, **kwargs: Any) -> Any:
            turn = current.get()
            chain = () if turn is None else turn.chain
            waiting = [one for one in chain[:-1] if one in self._running]
            room = chain[-1] if chain else ""

            def call() -> Any:
                self._running[room] = {
                    one.alias: one for one in connections.all(initialized_only=True)
                }
                try:
                    return hook(*args, **kwargs)
                finally:
                    del self._running[room]

            if not waiting:
                return await sync_to_async(call)()
            borrow = self._running[waiting[-1]]
            return await sync_to_async(
                lambda: _with_connections(borrow, call),
                thread_sensitive=False,
                executor=self._thread(len(waiting)),
            )()

        return run

    def close(self) -> None:
        """End the other threads, once nothing runs in them."""
        for thread in self._threads:
            thread.shutdown(wait=False)

    def _thread(self, number: int) -> ThreadPoolExecutor:
        while len(self._threads) < number:
            self._threads.append(ThreadPoolExecutor(1, "partyrooms-test"))
        return self._threads[number - 1]


def _with_connections(borrowed: Connections, call: Callable[[], Any]) -> Any:
    for alias, one in borrowed.items():
        one.inc_thread_sharing()
        connections[alias] = one
    try:
        return call()
    finally:
        for alias, one in borrowed.items():
            del connections[alias]
            one.dec_thread_sharing()
