"""Plain functions of a developer, made fit to be run in a thread and awaited."""

from collections.abc import Callable
from functools import wraps
from typing import Any


def for_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """
    The same function, but what it raises always reaches who waits for it.

    No future can hold a ``StopIteration``, which ``next()`` raises where there is none:
    whoever awaits the thread would wait for ever. In a coroutine function Python itself
    makes a ``RuntimeError`` of it. A ``GeneratorExit`` from a future closes the
    coroutines that wait for it, instead of being raised in them.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (StopIteration, GeneratorExit) as error:
            name = getattr(function, "__qualname__", repr(function))
            raise RuntimeError(f"{name} raised {type(error).__name__}") from error

    return call
