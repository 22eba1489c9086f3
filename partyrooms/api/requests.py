"""HTTP requests that no HTTP client made: what a stub asks a room."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from rest_framework.request import Request

from partyrooms import registry
from partyrooms.conf import get_settings
from partyrooms.core.frames import Answer
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.requests import describe_request, join_query, room_request
from partyrooms.delivery.responses import CONTENT_TYPES
from partyrooms.delivery.stream import StreamReader
from partyrooms.exceptions import PartyroomsError
from partyrooms.json_text import json_text
from partyrooms.ports.host import get_host


def build_request(
    key: RoomKey,
    path: str,
    *,
    method: str,
    headers: Mapping[str, str] | None,
    json: Any,
    data: bytes | str | Mapping[str, Any] | None,
    query: Mapping[str, Any] | None,
    user_id: str | None = None,
) -> Request:
    """
    Make the request that ``on_request`` is given, without a client, user or hook.

    Args:
        key: The room.
        path: What follows the room id, from the slash on; percent-encoded, as in a URL,
            and perhaps with a query.
        method: In capitals.
        headers: Name and value.
        json: A JSON-able body; not together with ``data``.
        data: A body as it is, or the fields of a form.
        query: Parameters, added to those in the path; a list value repeats its name.
        user_id: What ``request.user_id`` says.

    Raises:
        TypeError: If ``data`` is something else.
        ValueError: If the path does not begin with a slash, or there are two bodies.
    """
    path, _, parameters = path.partition("?")
    if not path.startswith("/"):
        raise ValueError(
            f"The path of a request begins with a slash; {path!r} does not."
        )
    if json is not None and data is not None:
        raise ValueError("A request has one body: give json= or data=, not both.")
    lines = {name.lower(): value for name, value in (headers or {}).items()}
    if json is not None:
        data = json_text(json)
        lines.setdefault("content-type", "application/json")
    elif isinstance(data, Mapping):
        data = urlencode(data, doseq=True)
        lines.setdefault("content-type", "application/x-www-form-urlencoded")
    body = _as_body(data)
    lines["content-length"] = str(len(body))
    copy = describe_request(
        key,
        path,
        method=method,
        query=join_query(parameters, query or {}),
        headers=lines,
        body=body,
        user_id=user_id,
    )
    return room_request(copy, registry.get(key.party))


def _as_body(data: object) -> bytes:
    if data is None:
        return b""
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes):
        return data
    raise TypeError(
        f"data= takes bytes, str or the fields of a form, not {type(data).__name__}; "
        "json= takes whatever JSON can hold."
    )


async def respond(answer: Answer, *, stream: bool = False) -> "StubResponse":
    """
    Make a response of an answer, on the event loop where it came in.

    Args:
        answer: The room's.
        stream: Whether a streamed body is left for the caller to iterate over.

    Raises:
        StreamBroken: If a stream ended before the room's generator did.
        PartyroomsError: If a stream is longer than ``MAX_BODY_SIZE``.
    """
    if answer.stream is None:
        return StubResponse(answer)
    reader = StreamReader(answer.stream)
    if stream:
        return StubResponse(answer, reader)
    limit = get_settings().max_body_size
    body = bytearray()
    try:
        async for chunk in reader:
            body += chunk
            if len(body) > limit:
                raise PartyroomsError(
                    f"fetch() collects streams of up to MAX_BODY_SIZE ({limit} bytes); "
                    "for a longer one: fetch(..., stream=True), and iterate over it."
                )
    finally:
        reader.close()
    return StubResponse(msgspec.structs.replace(answer, body=bytes(body)))


class StubResponse:
    """
    A room's answer to ``fetch``.

    ``async for chunk in response`` goes through the body's bytes as they come, which
    differs from ``content`` for what was fetched with ``stream=True``.

    Attributes:
        status_code: The HTTP status.
        headers: Names in lower case, with the last value of each.
        content: The body's bytes; empty if they are still to come.
        data: The decoded JSON, by content type; None where the body is none.
    """

    def __init__(self, answer: Answer, reader: StreamReader | None = None) -> None:
        self._reader = reader
        self.status_code = answer.status
        self.headers = {name.lower(): value for name, value in answer.headers}
        self.content = answer.body
        if kind := answer.content_type or CONTENT_TYPES.get(answer.kind):
            self.headers.setdefault("content-type", kind)
        self.data: Any = _json_of(self.headers.get("content-type", ""), answer.body)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """
        The body's bytes as they come, once.

        Raises:
            StreamBroken: If the stream ended before the room's generator did.
        """
        if self._reader is None:
            yield self.content
            return
        reader = self._reader
        while True:
            chunk = await get_host().run_on(reader.loop, lambda: anext(reader, None))
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        """Read no further: the room's generator is closed."""
        if self._reader is not None:
            self._reader.close()

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def __repr__(self) -> str:
        return f"<StubResponse {self.status_code}>"


def _json_of(content_type: str, body: bytes) -> Any:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError):  # whatever the room says that it is
        return None
