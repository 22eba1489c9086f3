"""
Rooms for requests that come without an event loop that lasts.

Under WSGI, and in Django's sync test client, each request has an event loop of its own
that ends with it; a room that lived there would end with it, too. So the rooms of such
a process live on one loop that lasts; see ``owner.home``.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from partyrooms.core.frames import Answer
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.stream import Inflow
from partyrooms.server.home import home, node_here, run_at
from partyrooms.server.node import Node, current_node


async def ask(http_request: HttpRequest, key: RoomKey, request: Any) -> Answer:
    """
    Put a request to a room, on the event loop where this process has its rooms.

    Args:
        http_request: Django's, which tells whether its loop lasts.
        request: REST framework's, for the room.

    Returns:
        Its answer; ``stream`` is what a ``StreamingHttpResponse`` takes, and close.

    Raises:
        RoomUnreachable: As ``Bus.request`` does.
    """
    if not isinstance(http_request, WSGIRequest):
        return await _ask(current_node(), key, request)
    loop = home()
    answer = await run_at(loop, lambda: _ask(node_here(), key, request))
    if answer.stream is not None:
        answer.stream = BlockingInflow(answer.stream, loop)
    return answer


async def _ask(node: Node, key: RoomKey, request: Any) -> Answer:
    answer = await node.bus.request(key, request)
    if answer.stream is not None:
        answer.stream = inflow = Inflow(answer.stream)
        node.inflows.add(inflow)
        if node.is_leaving:
            inflow.cut()
    return answer


class BlockingInflow:
    """
    A streamed answer for a WSGI server, which iterates in a thread.

    Args:
        inflow: The stream.
        loop: Where it comes in.
    """

    def __init__(self, inflow: Inflow, loop: asyncio.AbstractEventLoop) -> None:
        self._inflow = inflow
        self._loop = loop
        self.close = inflow.close

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._next()) is not None:
            yield chunk

    def _next(self) -> bytes | None:
        async def read() -> bytes | None:
            return await anext(self._inflow, None)

        return asyncio.run_coroutine_threadsafe(read(), self._loop).result()
