"""Who waits until a commit is settled."""

import asyncio


class CommitWaiters:
    """Coroutines that wait for numbered commits, which are settled in order."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def wait(self, number: int) -> None:
        """
        Wait until the commit with a number is settled.

        Raises:
            Exception: What ``fail`` was called with.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append((number, waiter))
        await waiter

    def wake(self, number: int) -> None:
        """Wake those that wait for a commit up to this one."""
        waiting, self._waiting = self._waiting, []
        for wanted, waiter in waiting:
            if waiter.done():
                continue
            if wanted <= number:
                waiter.set_result(None)
            else:
                self._waiting.append((wanted, waiter))

    def fail(self, error: Exception) -> None:
        """Raise an error in all of them: nothing will be settled any more."""
        waiting, self._waiting = self._waiting, []
        for _, waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
