"""Which tick of a cron is to be run now, of those that have come."""

from collections.abc import Iterable
from datetime import datetime, timedelta

MAX_AGE = timedelta(hours=1)
"""A tick that is older than this is not run, whatever kept it from being run."""


def due_tick(ticks: Iterable[datetime], *, since: datetime) -> datetime | None:
    """
    Choose among the ticks that have come and were not begun.

    Args:
        ticks: From the oldest on; none is older than ``MAX_AGE``.
        since: When this process began to look. Of the ticks before, which nobody ran
            while no process was up, only the last one counts; the later ones follow
            each other.

    Returns:
        The tick to run; None: there is none.
    """
    missed: datetime | None = None
    for tick in ticks:
        if tick >= since:
            return missed or tick
        missed = tick
    return missed
