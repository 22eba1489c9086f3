"""A room that stops in the middle: the line in the log, and who is told."""

import logging
from collections.abc import Callable

from partyrooms.core.keys import RoomKey

logger = logging.getLogger("partyrooms.runtime")


def log_given_up(key: RoomKey, what: str, error: Exception) -> None:
    """Say in the log why a room is stopped: what has failed, and what it raised."""
    logger.error(
        "%s of %s failed; the room is stopped, and starts again when it is needed.",
        what,
        key,
        exc_info=error,
        extra={"action": "room_given_up", "room": str(key)},
    )


def tell_end(key: RoomKey, on_end: Callable[[], None]) -> None:
    """Tell who ends the room's life; what that raises goes to the log."""
    try:
        on_end()
    except Exception:  # Who commits for all rooms may have called this.
        logger.exception(
            "The end of a life of %s failed",
            key,
            extra={"action": "end_failed", "room": str(key)},
        )
