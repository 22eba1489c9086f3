"""A room's one durable wake-up time, and what a failure makes of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_DELAYS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Seconds until an alarm that failed is rung again, after each failure in a row."""

MAX_ERROR_SIZE = 1000
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """
    When a room is to be woken.

    Attributes:
        at: In UTC.
        attempts: How often in a row it has failed.
        error: The last failure, for people; empty: there was none.
        is_failed: It was given up, and is not rung any more.
    """

    at: datetime
    attempts: int = 0
    error: str = ""
    is_failed: bool = False

    def after_failure(self, now: datetime, error: str) -> "Alarm":
        """
        The alarm that takes this one's place when it could not be handled.

        Args:
            now: When it failed.
            error: Why.
        """
        attempts = self.attempts + 1
        is_failed = attempts > len(RETRY_DELAYS)
        delay = 0.0 if is_failed else RETRY_DELAYS[attempts - 1]
        return Alarm(
            at=now + timedelta(seconds=delay),
            attempts=attempts,
            error=error[:MAX_ERROR_SIZE],
            is_failed=is_failed,
        )
