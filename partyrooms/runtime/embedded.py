"""What a node leaves alone whose process serves nobody: a command's, a task queue's."""

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomElsewhere
from partyrooms.ports.records import Place
from partyrooms.runtime.environment import Environment


async def serving_place(environment: Environment) -> Place | None:
    """
    A process that serves rooms; None: there is none.

    Raises:
        StoreUnavailable: If the database did not answer.
    """
    places = await environment.store.places()
    return next((one for one in places if one.takes_rooms), None)


async def is_spare(environment: Environment) -> bool:
    """
    Whether alarms and crons are another process's to begin.

    Raises:
        StoreUnavailable: If the database did not answer.
    """
    return environment.is_embedded and await serving_place(environment) is not None


async def require_no_server(
    environment: Environment, has_peers: bool, key: RoomKey
) -> None:
    """
    Let an embedded node that reaches nobody run a room only if nobody else would.

    Raises:
        RoomElsewhere: If a process serves rooms that this one cannot reach: a room here
            would be out of reach for its clients.
    """
    if not environment.is_embedded or has_peers:
        return
    place = await serving_place(environment)
    if place is not None:
        raise RoomElsewhere(
            f"{key} belongs into process {place.pid} (host {place.host}), which serves "
            "rooms and cannot be reached from here. Give both processes the same "
            "channel layer on Redis or Valkey (CHANNEL_LAYERS, "
            "PARTYROOMS['CHANNEL_LAYER'])."
        )
