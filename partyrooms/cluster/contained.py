"""What keeps a task that serves many going, whatever it meets."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("partyrooms.cluster")


@contextmanager
def contained(what: str) -> Iterator[None]:
    """
    Log an error of one round of a task that serves many rooms, and go on.

    Args:
        what: Begins the line in the log: "A message of another process".
    """
    try:
        yield
    except Exception:
        logger.exception(
            "%s could not be dealt with; everything else goes on",
            what,
            extra={"action": "round_failed"},
        )
