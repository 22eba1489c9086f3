"""Moments: UTC inside of the package, outside as ``USE_TZ`` and ``TIME_ZONE`` say."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

MARGIN = timedelta(days=2)
"""More than any two time zones differ."""


def as_utc(when: datetime) -> datetime:
    """A project's datetime in UTC; a naive one is in ``TIME_ZONE``."""
    if timezone.is_naive(when):
        when = timezone.make_aware(when, timezone.get_default_timezone())
    return when.astimezone(UTC)


def as_project(moment: datetime) -> datetime:
    """A moment as the project's models have it: aware, or naive in ``TIME_ZONE``."""
    if settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())


def as_stored(moment: datetime) -> datetime:
    """
    The moment that a row of the project's makes of this one, in UTC.

    Without ``USE_TZ``, the hour that comes twice where clocks are set back is the first
    one, for no database keeps which it is.

    Raises:
        OverflowError: If not every time zone has a datetime for it.
    """
    try:
        moment - MARGIN, moment + MARGIN
    except OverflowError:
        raise OverflowError(
            f"{moment} is too near to the first or the last datetime to be stored: "
            "it may be neither in every time zone."
        ) from None
    return as_utc(as_project(moment).replace(fold=0))


def from_seconds(seconds: float) -> datetime:
    """The moment that is so many seconds after 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
