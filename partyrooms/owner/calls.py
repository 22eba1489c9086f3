"""What partyrooms itself asks of a running room, by name: the stubs' calls."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from partyrooms.core.messages import Frame

if TYPE_CHECKING:
    from partyrooms.owner.life import Life

Arguments = Mapping[str, Any]


async def broadcast(life: "Life", arguments: Arguments) -> None:
    """Queue ``message`` for every connection but ``without``."""
    life.broadcast(Frame(arguments["message"]), frozenset(arguments["without"]))


async def connections(life: "Life", arguments: Arguments) -> list[dict[str, Any]]:
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


async def info(life: "Life", arguments: Arguments) -> dict[str, Any]:
    """Where the room runs, since when, and how many are connected."""
    return {
        "owner": life.owner,
        "epoch": life.claim.epoch,
        "connections": len(life.connections),
        "since": life.started_at,
    }


CALLS: dict[str, Callable[["Life", Arguments], Awaitable[Any]]] = {
    "broadcast": broadcast,
    "connections": connections,
    "info": info,
}
