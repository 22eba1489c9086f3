"""Moments: UTC inside of the package, outside as ``USE_TZ`` and ``TIME_ZONE`` say."""

from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone


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


def from_seconds(seconds: float) -> datetime:
    """The moment that is so many seconds after 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
