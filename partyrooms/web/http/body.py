"""Reads a request's body, never more than ``MAX_BODY_SIZE`` and one chunk."""

import io
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.core.exceptions import RequestAborted, RequestDataTooBig
from django.http import HttpRequest

from partyrooms.conf import get_settings
from partyrooms.delivery.internals import take_body

Receive = Callable[[], Awaitable[dict[str, Any]]]


class OversizedBody(io.RawIOBase):
    """Stands for a body that was not read because it is too large."""

    def readable(self) -> bool:
        """Yes: the first read raises."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """
        Read nothing.

        Raises:
            RequestDataTooBig: Always.
        """
        raise RequestDataTooBig("The request's body is over MAX_BODY_SIZE.")

    readline = read


async def read_body(scope: Mapping[str, Any], receive: Receive) -> io.IOBase:
    """
    Read a body from an ASGI server, no further than one chunk over the limit.

    Raises:
        RequestAborted: If the client left in the middle of it.
    """
    limit = get_settings().max_body_size
    if _announced(scope) > limit:
        return OversizedBody()  # asked for nothing: no 100-continue, no upload
    message = await receive()
    chunks = [message.get("body", b"")]
    size = len(chunks[0])
    while message.get("more_body") and size <= limit:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if message["type"] == "http.disconnect":
        raise RequestAborted
    return OversizedBody() if size > limit else io.BytesIO(b"".join(chunks))


def adopt_body(request: HttpRequest) -> None:
    """
    Bring the whole body into ``request.body``, where the room finds it.

    It stays readable after Django has closed the request: a room may still be at work
    on it when the client has gone.

    Raises:
        RequestDataTooBig: If it is over ``MAX_BODY_SIZE``; no more than that is read.
    """
    announced = _length(request.META.get("CONTENT_LENGTH"))
    body = take_body(request, get_settings().max_body_size, announced)
    if body and not request.META.get("CONTENT_LENGTH"):
        # REST framework takes a request without a length (a chunked one) for empty.
        request.META["CONTENT_LENGTH"] = str(len(body))
        request.__dict__.pop("headers", None)


def _announced(scope: Mapping[str, Any]) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return _length(value)
    return 0


def _length(value: bytes | str | None) -> int:
    try:
        return int(value or 0)
    except ValueError:
        return 0
