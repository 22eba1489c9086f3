"""Calls the project's own code, async or plain, and contains what it raises."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async

Hook = Callable[..., Awaitable[Any]]
"""A function of the project that can be awaited."""

InThread = Callable[[Callable[..., Any]], Hook]
"""Makes a coroutine function of a plain one, which then runs in a thread."""


def awaitable(
    function: Callable[..., Any], in_thread: InThread = sync_to_async
) -> Hook:
    """
    Make a coroutine function of any function of a project.

    Args:
        function: A coroutine function is returned as it is. An async generator
            function needs no thread: calling it runs nothing. Any other runs in a
            thread.
        in_thread: Decides which thread.
    """
    if iscoroutinefunction(function):
        return function
    if inspect.isasyncgenfunction(function):
        run = _at_once(function)
    else:
        run = in_thread(_for_future(function))

    async def hook(*args: Any, **kwargs: Any) -> Any:
        result = await run(*args, **kwargs)
        # A decorator may have made a plain function of a coroutine function.
        return await result if inspect.isawaitable(result) else result

    return hook


async def call(
    function: Callable[..., Any],
    *args: Any,
    name: str = "",
    in_thread: InThread = sync_to_async,
) -> Any:
    """
    Call a function of the project, and await what it returns.

    Args:
        function: Async or plain; see ``awaitable``.
        args: What it is given.
        name: What errors call it; empty: its qualified name.
        in_thread: As for ``awaitable``.

    Raises:
        CancelledError: If the task that calls it was cancelled.
        Exception: What it raised; if that was no ``Exception``, a ``RuntimeError``.
    """
    return await outcome(
        awaitable(function, in_thread)(*args), name or _name_of(function)
    )


async def outcome(work: Awaitable[Any], name: str) -> Any:
    """
    Await what code of the project has begun.

    Args:
        work: What to await.
        name: What errors call it.

    Raises:
        CancelledError: If the task that calls it was cancelled.
        Exception: What it raised; if that was no ``Exception``, a ``RuntimeError``.
    """
    task = asyncio.current_task()
    cancelled = 0 if task is None else task.cancelling()
    try:
        return await work
    except asyncio.CancelledError as raised:
        if task is None or task.cancelling() > cancelled:
            raise
        raise RuntimeError(f"{name} was left by a CancelledError") from raised
    except BaseException as raised:  # user code may raise anything
        error = contained(raised, name)
        raise error from error.__cause__


def contained(raised: BaseException, by: str) -> Exception:
    """
    Replace an error that would end more than the code that raised it.

    ``SystemExit`` and ``KeyboardInterrupt`` end the event loop, and so the server (in
    which no signal raises them: it has signal handlers). Any other error that is no
    ``Exception`` ends the task.

    Args:
        raised: What the code raised; an ``Exception`` is returned as it is.
        by: Which code that was, for the error's text.

    Raises:
        GeneratorExit: If Python raised it, because the task is being thrown away.
    """
    if isinstance(raised, Exception):
        return raised
    if isinstance(raised, GeneratorExit) and not _is_task_running():
        raise raised
    what = f"raised {type(raised).__name__}"
    if isinstance(raised, SystemExit):
        what = f"called sys.exit({raised.code!r})"
    error = RuntimeError(f"{by} {what}")
    error.__cause__ = raised
    return error


def text_of(error: BaseException) -> str:
    """
    Return an error's text in a form that any database and any wire can carry.

    It may quote a client: half of a surrogate pair has no UTF-8, and Postgres takes no
    NUL. Both are escaped. The error may be of a class whose ``__str__`` fails.
    """
    try:
        text = str(error)
    except Exception:  # it is a class of the project's
        return "(its text cannot be had)"
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _for_future(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    Replace the two errors that a future cannot pass on.

    A future does not take ``StopIteration``, which ``next()`` raises at the end: the
    caller would wait for ever. (In a coroutine function Python itself makes a
    ``RuntimeError`` of it.) A ``GeneratorExit`` from a future closes the coroutines
    that wait for it, instead of being raised in them.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (StopIteration, GeneratorExit) as error:
            text = f"{_name_of(function)} raised {type(error).__name__}"
            raise RuntimeError(text) from error

    return run


def _at_once(function: Callable[..., Any]) -> Hook:
    async def run(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return run


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _is_task_running() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:  # The event loop itself has ended.
        return False
