"""A room's hooks, ready to be awaited: coroutines as they are, the rest in threads."""

import logging
from collections.abc import Callable
from typing import Any

from partyrooms.core.keys import RoomKey
from partyrooms.usercode import Hook, InThread, awaitable

logger = logging.getLogger("partyrooms.runtime")

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

    def __init__(self, room: object, in_thread: InThread) -> None:
        self._in_thread = in_thread
        for name in NAMES:
            method = getattr(room, name, None)
            setattr(self, name, None if method is None else self.awaitable(method))

    def awaitable(self, method: Callable[..., Any]) -> Hook:
        """The method itself if it is a coroutine function, else one that awaits it."""
        return awaitable(method, self._in_thread)


def log_failed_report(key: RoomKey, raised: Exception, error: Exception) -> None:
    """Log that ``on_exception`` raised, and what it had been told of."""
    logger.error(
        "on_exception of %s raised %s; it had been told of %r",
        key,
        type(raised).__name__,
        error,
        exc_info=raised,
        extra={"action": "hook_failed", "room": str(key)},
    )
