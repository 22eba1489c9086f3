"""The limit of ASGI: an echo and a local fan-out loop with nothing around them."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

_members: defaultdict[str, list[Send]] = defaultdict(list)


async def application(scope: Event, receive: Receive, send: Send) -> None:
    """Serve ``/parties/<party>/<room>``; a party other than ``fan-out`` echoes."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    party = scope["path"].split("/")[2]
    await receive()
    await send({"type": "websocket.accept"})
    if party == "fan-out":
        await _fan_out(_members[scope["path"]], receive, send)
    else:
        await _echo(receive, send)


async def _echo(receive: Receive, send: Send) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def _fan_out(members: list[Send], receive: Receive, send: Send) -> None:
    members.append(send)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            # One event for all of them: nothing cheaper can be sent.
            shared = {"type": "websocket.send", "text": event["text"]}
            # A copy, for a send may wait while somebody joins or leaves.
            for member in list(members):
                await member(shared)
    except OSError:
        pass  # Another member left in the middle of a round.
    finally:
        members.remove(send)
