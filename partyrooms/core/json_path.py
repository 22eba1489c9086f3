"""Where something stands in a value, as JSONPath writes it: ``$.players[2].name``."""

from collections.abc import Callable
from typing import Any

ROOT = "$"


def member(where: str, key: object) -> str:
    """The path of a dict's value."""
    if isinstance(key, str) and key.isidentifier():
        return f"{where}.{key}"
    return f"{where}[{key!r:.64}]"


def find_fault(
    value: Any, encode: Callable[[Any], object], default: Callable[[Any], Any]
) -> tuple[str, Any]:
    """
    The innermost part of a value that cannot be encoded, and its path.

    Args:
        value: One that ``encode`` raises for.
        encode: Makes JSON of a value, or raises.
        default: What stands for an object that JSON has not, or raises.
    """
    where = ROOT
    seen: set[int] = set()  # What contains itself has no innermost part.
    while id(value) not in seen:
        seen.add(id(value))
        fault = next(filter(_fails(encode), _parts(where, value, default)), None)
        if fault is None:
            break
        where, value = fault
    return where, value


def _fails(encode: Callable[[Any], object]) -> Callable[[tuple[str, Any]], bool]:
    def fails(part: tuple[str, Any]) -> bool:
        try:
            encode(part[1])
        except (TypeError, ValueError, RecursionError):
            return True
        return False

    return fails


def _parts(
    where: str, value: Any, default: Callable[[Any], Any]
) -> list[tuple[str, Any]]:
    """What a value consists of, one level down; nothing if it is the fault itself."""
    if not isinstance(value, dict | list | tuple | str | int | float | None):
        try:
            value = default(value)
        except (TypeError, ValueError):
            return []
    if isinstance(value, dict):
        return [(member(where, key), item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    return []
