"""``@rpc``: methods of a room that may be called from elsewhere, by name."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from partyrooms.core.validation import as_text
from partyrooms.json_text import json_text

MethodT = TypeVar("MethodT", bound=Callable[..., Any])

_MARK = "_is_rpc"


def rpc(method: MethodT) -> MethodT:
    """
    Let a method be called through a stub: ``await stub.call("kick", user_id=3)``.

    It is an event of the room like any other: what it sends and stores is committed
    before its caller hears the result, and if it raises, nothing of it happens. It may
    be ``async def`` or plain ``def``. Arguments and result are JSON-able. A subclass
    that overrides it marks it again.

    Raises:
        TypeError: If it is no method.
    """
    if not inspect.isfunction(method):
        raise TypeError(
            f"@rpc marks a method, not a {type(method).__name__}: put it right above "
            "the def of a method that takes self."
        )
    setattr(method, _MARK, True)
    return method


def marked_method(room: object, name: str) -> Callable[..., Any] | None:
    """The room's method of this name; None: there is none that is marked."""
    if not _is_marked(inspect.getattr_static(type(room), name, None)):
        return None
    found: Callable[..., Any] = getattr(room, name)
    return found


def marked_names(room_class: type) -> list[str]:
    """What may be called, in alphabetical order."""
    found = inspect.getmembers_static(room_class, _is_marked)
    return [name for name, _ in found]


def encode_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """
    The arguments of a call as JSON text: the callee gets copies, wherever it runs.

    Raises:
        TypeError: If JSON has no such value, or it holds text that has no UTF-8;
            nothing has been sent then.
    """
    return _encode("call() takes JSON-able arguments", [args, kwargs])


def decode_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments, of what ``encode_arguments`` made."""
    args, kwargs = json.loads(text)
    return args, kwargs


def encode_result(name: str, result: Any) -> str:
    """
    The result of a call as JSON text: the room's state may change afterwards.

    Raises:
        TypeError: If JSON has no such value, or it holds text that has no UTF-8.
    """
    return _encode(f"{name}() must return a JSON-able value", result)


def decode_result(text: str) -> Any:
    """What ``encode_result`` was given, as JSON has it."""
    return json.loads(text)


def _encode(rule: str, value: Any) -> str:
    try:
        return as_text(json_text(value), "JSON")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{rule}: {error}.") from error


def _is_marked(member: Any) -> bool:
    return inspect.isfunction(member) and getattr(member, _MARK, False)
