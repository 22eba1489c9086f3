"""HTTP requests that no HTTP client made: what a stub asks a room."""

import json as json_codec
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec
from django.core.handlers.asgi import ASGIRequest
from rest_framework.request import Request
from rest_framework.settings import api_settings

from partyrooms import registry
from partyrooms.core.keys import RoomKey
from partyrooms.core.messages import Answer, AnswerKind
from partyrooms.http.room_request import RoomRequest


def build_request(
    key: RoomKey,
    path: str,
    *,
    method: str,
    headers: Mapping[str, str] | None,
    json: Any,
    data: bytes | str | None,
    query: Mapping[str, Any] | None,
    user_id: str | None = None,
) -> Request:
    """
    Make the request that ``on_request`` is given, without a client, user or hook.

    Args:
        key: The room.
        path: What follows the room id, from the slash on; percent-encoded, as in a URL.
        method: In capitals.
        headers: Name and value.
        json: A JSON-able body; not together with ``data``.
        data: A body as it is.
        query: Parameters; a list value repeats its name.
        user_id: What ``request.user_id`` says.

    Raises:
        ValueError: If the path does not begin with a slash, or there are two bodies.
    """
    if not path.startswith("/"):
        raise ValueError(
            f"The path of a request begins with a slash; {path!r} does not."
        )
    if json is not None and data is not None:
        raise ValueError("A request has one body: give json= or data=, not both.")
    body = data.encode() if isinstance(data, str) else data or b""
    lines = {name.lower(): value for name, value in (headers or {}).items()}
    if json is not None:
        body = json_codec.dumps(json).encode()
        lines.setdefault("content-type", "application/json")
    lines["content-length"] = str(len(body))
    lines.setdefault("host", "localhost")
    full_path = f"/parties/{key.party}/{quote(key.room_id, safe='')}{path}"
    scope = {
        "type": "http",
        "method": method.upper(),
        "path": unquote(full_path),
        "raw_path": full_path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": urlencode(query or {}, doseq=True).encode(),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in lines.items()],
        "server": ("localhost", 80),
    }
    parsers: Any = registry.get(key.party).parser_classes
    if parsers is None:
        parsers = api_settings.DEFAULT_PARSER_CLASSES
    request: Any = RoomRequest(
        ASGIRequest(scope, BytesIO(body)), parsers=[parser() for parser in parsers]
    )
    request.props = {}
    request.user_id = user_id
    request.subpath = "" if path == "/" else unquote(path)
    return request  # type: ignore[no-any-return]


_CONTENT_TYPES = {
    AnswerKind.DATA: "application/json",
    AnswerKind.TEXT: "text/plain; charset=utf-8",
    AnswerKind.BYTES: "application/octet-stream",
}


class StubResponse:
    """
    A room's answer to ``fetch``.

    Attributes:
        status_code: The HTTP status.
        headers: Names in lower case, with the last value of each.
        content: The body's bytes.
        data: The decoded JSON; None where the body is none.
    """

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.headers = {name.lower(): value for name, value in answer.headers}
        self.content = answer.body
        is_json = answer.kind is AnswerKind.DATA
        self.data: Any = msgspec.json.decode(answer.body) if is_json else None
        if kind := answer.content_type or _CONTENT_TYPES.get(answer.kind):
            self.headers.setdefault("content-type", kind)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def __repr__(self) -> str:
        return f"<StubResponse {self.status_code}>"
