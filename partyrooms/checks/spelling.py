"""A check of names: a hook that is misspelt is never called, and nothing says so."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from django.core.checks import CheckMessage, Warning, register

from partyrooms.api.room import Room
from partyrooms.checks.options import room_classes
from partyrooms.runtime.hooks import NAMES

HOOKS = (
    *NAMES,
    *("on_before_request", "on_before_connect", "on_fetch", "on_socket", "on_cron"),
)

_SIMILAR = 0.88
"""From here on ``difflib`` calls two names alike: ``on_mesage``, not ``on_joined``."""


@register("partyrooms")
def check_hook_names(**kwargs: Any) -> list[CheckMessage]:
    """W011: a method is called almost like a hook."""
    return [
        Warning(
            f"{name} is no hook, so it is never called; did you mean {hook}?",
            hint=f"Rename it to {hook}, or to something less like it.",
            obj=path,
            id="partyrooms.W011",
        )
        for path, room_class in room_classes()
        for name, hook in _misspelt(room_class)
    ]


def _misspelt(room_class: type[Room]) -> Iterator[tuple[str, str]]:
    for name in dir(room_class):
        if not name.lower().startswith(("on", "get")) or name in HOOKS:
            continue
        if hasattr(Room, name) or not callable(getattr(room_class, name, None)):
            continue
        # In PartyKit hooks are written onMessage.
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        for hook in get_close_matches(snake, HOOKS, n=1, cutoff=_SIMILAR):
            yield name, hook
