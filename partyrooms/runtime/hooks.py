"""A room's hooks, ready to be awaited: coroutines as they are, the rest in threads."""

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from partyrooms.core.plain import for_thread

if TYPE_CHECKING:
    from partyrooms.api.room import Room

Hook = Callable[..., Awaitable[Any]]

InThread = Callable[[Callable[..., Any]], Hook]

NAMES = (
    *("on_start", "on_connect", "on_message", "on_close", "on_error"),
    *("on_exception", "get_connection_tags", "on_request", "on_alarm"),
)


class Hooks:
    """
    The hooks of one room instance.

    Args:
        room: The instance.
        in_thread: Makes a coroutine function of a plain one, which may then use
            Django's sync ORM.
    """

    __slots__ = (*NAMES, "_in_thread")

    on_start: Hook
    on_connect: Hook
    on_message: Hook
    on_close: Hook
    on_error: Hook
    on_exception: Hook
    get_connection_tags: Hook
    on_request: Hook | None
    on_alarm: Hook | None

    def __init__(self, room: "Room", in_thread: InThread) -> None:
        self._in_thread = in_thread
        for name in NAMES:
            method = getattr(room, name, None)
            setattr(self, name, None if method is None else self.awaitable(method))

    def awaitable(self, method: Callable[..., Any]) -> Hook:
        """The method itself if it is a coroutine function, else one that awaits it."""
        if inspect.iscoroutinefunction(method):
            return method
        if inspect.isasyncgenfunction(method):
            return _generate(method)
        in_thread = self._in_thread(for_thread(method))

        async def call(*args: Any, **kwargs: Any) -> Any:
            result = await in_thread(*args, **kwargs)
            # A decorator may have made a plain function of a coroutine function.
            return await result if inspect.isawaitable(result) else result

        return call


def _generate(method: Callable[..., Any]) -> Hook:
    """Calling an async generator function runs nothing: it needs no thread."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call
