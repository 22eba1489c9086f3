"""What is done in every process: to the rooms that it runs, or to its sockets."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from partyrooms.core.frames import Frame
from partyrooms.runtime.events.announced import Announced
from partyrooms.runtime.life import Life
from partyrooms.runtime.room_table import RoomTable
from partyrooms.runtime.worker import Worker

Arguments = Mapping[str, Any]


def act(rooms: RoomTable, name: str, arguments: Arguments) -> Any:
    """Do it here, by name; what comes back is JSON-able."""
    return _ACTIONS[name](rooms, arguments)


def _broadcast(rooms: RoomTable, arguments: Arguments) -> int:
    frame = Frame(arguments["message"])
    running = list(_running(rooms, arguments["party"]))
    for worker, _ in running:
        worker.put(Announced(frame=frame))
    return len(running)


def _list(rooms: RoomTable, arguments: Arguments) -> list[dict[str, Any]]:
    return [
        {"room_id": life.key.room_id, **life.describe()}
        for _, life in _running(rooms, arguments["party"])
    ]


def _send(rooms: RoomTable, arguments: Arguments) -> int:
    frame = Frame(arguments["message"])
    found = rooms.sockets.of_user(arguments["user_id"], arguments["party"])
    accepted = [socket for socket in found if socket.is_accepted]
    for socket in accepted:
        socket.send(frame)
    return len(accepted)


def _disconnect(rooms: RoomTable, arguments: Arguments) -> int:
    found = rooms.sockets.of_user(arguments["user_id"])
    for socket in found:
        socket.shut((arguments["code"], arguments["reason"]))
    return len(found)


def _running(rooms: RoomTable, party: str) -> Iterator[tuple[Worker, Life]]:
    for worker in tuple(rooms.busy):
        if worker.key.party == party and worker.life is not None:
            yield worker, worker.life


_ACTIONS: dict[str, Callable[[RoomTable, Arguments], Any]] = {
    "broadcast": _broadcast,
    "disconnect": _disconnect,
    "list": _list,
    "send": _send,
}
