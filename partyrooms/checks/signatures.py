"""A check of arguments: a hook that cannot be called with what it is given."""

import inspect
from typing import Any

from django.core.checks import CheckMessage, Error, register

from partyrooms.api.room import Room
from partyrooms.checks.options import room_classes

_IN_ROOMS = {
    "on_start": (),
    "on_connect": ("connection", "ctx"),
    "on_message": ("message", "sender"),
    "on_close": ("connection",),
    "on_error": ("connection", "error"),
    "on_exception": ("error", "connection"),
    "get_connection_tags": ("connection", "ctx"),
    "on_request": ("request",),
    "on_alarm": (),
}
_OUTSIDE = {
    "on_before_request": ("request", "lobby"),
    "on_before_connect": ("request", "lobby"),
    "on_fetch": ("request", "lobby"),
    "on_socket": ("socket", "lobby"),
    "on_cron": ("cron", "lobby"),
}


@register("partyrooms")
def check_signatures(**kwargs: Any) -> list[CheckMessage]:
    """E010: a hook does not take the arguments that it is called with."""
    return [
        Error(
            f"{name} is called with ({', '.join(arguments)}), which it does not take.",
            hint=f"Write `def {name}({', '.join((first, *arguments))})`, "
            "with or without `async`.",
            obj=path,
            id="partyrooms.E010",
        )
        for path, room_class in room_classes()
        for first, hooks in (("self", _IN_ROOMS), ("cls", _OUTSIDE))
        for name, arguments in hooks.items()
        if not _takes(room_class, name, arguments)
    ]


def _takes(room_class: type[Room], name: str, arguments: tuple[str, ...]) -> bool:
    """Whether it does; True for what is no function, or is not there."""
    member = inspect.getattr_static(room_class, name, None)
    if inspect.isfunction(member):
        if name in _OUTSIDE:
            return True  # E008 tells that it is no class method
        arguments = ("self", *arguments)
    elif not isinstance(member, classmethod | staticmethod):
        return True
    try:
        inspect.signature(getattr(room_class, name)).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # it has no signature: it is written in C
        return True
    return True
