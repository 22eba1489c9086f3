"""What middleware activates for a request, and a room's turn has as well."""

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone, translation

from partyrooms.core.wire.message import Activated


def activated() -> Activated | None:
    """What is active now; None: what is active without a request, too."""
    zone: object = timezone.get_current_timezone()
    now = Activated(
        prefix=get_script_prefix(),
        language=translation.get_language() or "",
        timezone=zone.key or "" if isinstance(zone, ZoneInfo) else "",
    )
    usual = Activated("/", settings.LANGUAGE_CODE, settings.TIME_ZONE)
    return None if now == usual else now


@contextmanager
def activate(what: Activated | None) -> Iterator[None]:
    """Have it active for the block; None: all stays as it is."""
    if what is None:
        yield
        return
    before = get_script_prefix()
    set_script_prefix(what.prefix)
    try:
        with (
            translation.override(what.language or None),
            timezone.override(what.timezone or None),
        ):
            yield
    finally:
        set_script_prefix(before)
