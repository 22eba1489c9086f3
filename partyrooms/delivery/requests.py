"""What ``on_request`` and ``on_connect`` are given, wherever the room runs."""

import codecs
import json
from collections.abc import Iterable, Mapping
from functools import cache, partial
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote, urlencode

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.settings import api_settings

from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.message import RequestCopy
from partyrooms.delivery.client_errors import BodyTooLarge


class RoomRequest(Request):
    """
    REST framework's request, for a room.

    Attributes:
        props: What the before-hook passed on.
        user_id: The user's primary key as text; None: anonymous.
        subpath: What follows the room id in the path: "" or "/a/b".
    """

    props: dict[str, Any]
    user_id: str | None
    subpath: str


def describe_request(
    key: RoomKey,
    path: str,
    *,
    method: str = "GET",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    user_id: str | None = None,
) -> RequestCopy:
    """
    Describe a request or a handshake that no network brought.

    Args:
        key: The room.
        path: What follows the room id, percent-encoded; "" or with a leading slash.
        method: Of HTTP.
        query: The query string.
        headers: Name and value; a host is added if there is none.
        body: The body.
        user_id: The user's primary key as text; None: anonymous.
    """
    raw_path = f"/parties/{key.party}/{quote(key.room_id, safe='')}{path}"
    lines = {"host": "localhost"}
    lines |= {name.lower(): value for name, value in (headers or {}).items()}
    return RequestCopy(
        method=method.upper(),
        path=unquote(raw_path),
        raw_path=raw_path.encode(),
        query=query.encode(),
        scheme="http",
        headers=[(k.encode(), v.encode("latin-1")) for k, v in lines.items()],
        user_id=user_id,
        body=body,
        subpath="" if path == "/" else unquote(path),
    )


def join_query(parameters: str, query: Mapping[str, Any]) -> str:
    """Add parameters to those of a path; a list value repeats its name."""
    return "&".join(filter(None, (parameters, urlencode(query, doseq=True))))


def http_request(copy: RequestCopy) -> HttpRequest:
    """Make Django's request of its description; its user is loaded when looked at."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": copy.method,
        "path": copy.path,
        "raw_path": copy.raw_path,
        "root_path": "",
        "scheme": copy.scheme,
        "query_string": copy.query,
        "headers": copy.headers,
        "server": ("localhost", 80),
    }
    if copy.client is not None:
        scope["client"] = copy.client
    request: HttpRequest = ASGIRequest(scope, BytesIO(copy.body))
    request.META.update(copy.meta)
    request.props = json.loads(copy.props)  # type: ignore[attr-defined]
    request.user = SimpleLazyObject(lambda: _user(copy.user_id))  # type: ignore[assignment]
    request.auser = partial(sync_to_async(_user), copy.user_id)
    return request


def room_request(copy: RequestCopy, room_class: Any) -> Request:
    """Make the request that ``on_request`` is given of its description."""
    plain = http_request(copy)
    classes = room_class.parser_classes
    if classes is None:
        classes = api_settings.DEFAULT_PARSER_CLASSES
    request = RoomRequest(plain, parsers=make_parsers(classes))
    request.user = plain.user
    request.props = plain.props  # type: ignore[attr-defined]
    request.user_id = copy.user_id
    request.subpath = copy.subpath
    return request


def make_parsers(classes: Iterable[Any]) -> list[Any]:
    """
    Make parsers, to which any body that they cannot parse is the client's mistake.

    They raise ``ParseError`` also for JSON that is nested too deeply and for forms
    over Django's limits, which are other errors else, and a status of 500; and for a
    charset that unpacks the body, as ``bz2`` does, beyond every limit of its size.
    """
    return [_forgiving(parser_class)() for parser_class in classes]


@cache
def _forgiving(parser_class: Any) -> Any:
    class Forgiving(parser_class):  # type: ignore[misc]
        def parse(self, stream: Any, media_type: Any, *context: Any) -> Any:
            _, options = parse_header_parameters(media_type or "")
            charset = options.get("charset")
            if charset and not _is_of_text(charset):
                raise ParseError(f"{charset!r:.40} is no charset of text.")
            try:
                return super().parse(stream, media_type, *context)
            except RecursionError as error:
                raise ParseError("The body is nested too deeply.") from error
            except RequestDataTooBig as error:
                raise BodyTooLarge from error
            except SuspiciousOperation as error:  # Django's limits for forms
                raise ParseError("The form is too large.") from error

    return Forgiving


def _is_of_text(charset: str) -> bool:
    """Whether text can be written in it; also of one that nobody knows."""
    try:
        codecs.lookup(charset)
    except (LookupError, ValueError):
        return True
    try:
        "".encode(charset)
    except LookupError:
        return False
    except UnicodeError:
        return charset != "undefined"
    return True


def _user(user_id: str | None) -> Any:
    if user_id is None:
        return AnonymousUser()
    users = get_user_model()._default_manager
    return users.filter(pk=user_id).first() or AnonymousUser()
