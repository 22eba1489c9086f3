"""What partyrooms itself asks of a running room, by name: the stubs' calls."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from partyrooms.core.frames import Frame
from partyrooms.exceptions import CallCycle, CallFailed
from partyrooms.runtime.life import Life
from partyrooms.runtime.rpc import (
    decode_arguments,
    encode_result,
    marked_method,
    marked_names,
)
from partyrooms.usercode import text_of

Arguments = Mapping[str, Any]


async def broadcast(life: Life, arguments: Arguments) -> None:
    """Queue ``message`` for every connection but ``without``."""
    life.broadcast(Frame(arguments["message"]), frozenset(arguments["without"]))


async def connections(life: Life, arguments: Arguments) -> list[dict[str, Any]]:
    """Who is connected, oldest first."""
    return [
        {
            "id": connection.id,
            "user_id": connection.user_id,
            "tags": list(connection.tags),
            "uri": connection.uri,
            "state": connection.state,
        }
        for connection in life.connections.tagged(None)
    ]


async def info(life: Life, arguments: Arguments) -> dict[str, Any]:
    """Where the room runs, since when, and how many are connected."""
    return life.describe()


async def call(life: Life, arguments: Arguments) -> str:
    """Run the room's ``method``, if it is marked with ``@rpc``; its result as JSON."""
    name = arguments["method"]
    method = marked_method(life.room, name)
    if method is None:
        allowed = ", ".join(marked_names(type(life.room))) or "none"
        raise NotCalled(
            "LookupError",
            f"{type(life.room).__name__} has no method {name!r} that is marked with "
            f"@partyrooms.rpc; marked are: {allowed}",
        )
    args, kwargs = decode_arguments(arguments["arguments"])
    try:
        inspect.signature(method).bind(*args, **kwargs)
    except TypeError as error:
        raise NotCalled("TypeError", f"{name}(): {error}") from error
    return encode_result(name, await life.hooks.awaitable(method)(*args, **kwargs))


class NotCalled(CallFailed):
    """The caller's mistake: no method was run."""


def failure(name: str, error: Exception) -> tuple[Exception, bool]:
    """
    What the caller of a call is told, and whether the room's own code has failed.

    Args:
        name: Of the call, a key of ``CALLS``.
        error: What it raised.
    """
    if name != "call":
        return error, False
    if isinstance(error, NotCalled):
        return CallFailed(error.error_type, error.text), False
    if isinstance(error, CallCycle):
        return error, True  # The caller is one of those that wait in a circle.
    return CallFailed(type(error).__name__, text_of(error)), True


CALLS: dict[str, Callable[[Life, Arguments], Awaitable[Any]]] = {
    "broadcast": broadcast,
    "call": call,
    "connections": connections,
    "info": info,
}
