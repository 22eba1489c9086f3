"""
Rooms for requests that come without an event loop that lasts.

Under WSGI, and in Django's sync test client, each request has an event loop of its own
that ends with it; a room that lived there would end with it, too. So the rooms of such
a process live on one loop that lasts; see ``server.host``.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from partyrooms.core.frames import Answer
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.stream import StreamReader
from partyrooms.server.host import host_loop, node_here, run_on
from partyrooms.server.node import Node
from partyrooms.server.start import current_node


async def ask(http_request: HttpRequest, key: RoomKey, request: Any) -> Answer:
    """
    Put a request to a room, on the event loop where this process has its rooms.

    Args:
        http_request: Django's, which tells whether its loop lasts.
        request: REST framework's, for the room.

    Returns:
        Its answer; ``stream`` is what a ``StreamingHttpResponse`` takes, and close.

    Raises:
        RoomUnreachable: As ``Cluster.request`` does.
    """
    if not isinstance(http_request, WSGIRequest):
        return await _ask(current_node(), key, request)
    loop = host_loop()
    answer = await run_on(loop, lambda: _ask(node_here(), key, request))
    if answer.stream is not None:
        answer.stream = BlockingReader(answer.stream, loop)
    return answer


async def _ask(node: Node, key: RoomKey, request: Any) -> Answer:
    answer = await node.cluster.request(key, request)
    if answer.stream is not None:
        answer.stream = reader = StreamReader(answer.stream)
        node.stream_readers.add(reader)
        if node.is_leaving:
            reader.cut()
    return answer


class BlockingReader:
    """
    A streamed answer for a WSGI server, which iterates in a thread.

    Args:
        inflow: The stream.
        loop: Where it comes in.
    """

    def __init__(self, reader: StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        self._reader = reader
        self._loop = loop
        self.close = reader.close

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._next()) is not None:
            yield chunk

    def _next(self) -> bytes | None:
        async def read() -> bytes | None:
            return await anext(self._reader, None)

        return asyncio.run_coroutine_threadsafe(read(), self._loop).result()
