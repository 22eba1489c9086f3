"""What ``on_request`` and ``on_connect`` are given, wherever the room runs."""

import codecs
import json
from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib import import_module
from io import BytesIO
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode

import msgspec
from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.utils.functional import SimpleLazyObject
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.settings import api_settings

from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.message import Activated, RequestCopy
from partyrooms.delivery.client_errors import BodyTooLarge
from partyrooms.delivery.internals import is_lazy
from partyrooms.delivery.surroundings import Variables


class RoomRequest(Request):
    """
    REST framework's request, for a room.

    Attributes:
        props: What the before-hook passed on.
        user_id: The user's primary key as text; None: anonymous.
        subpath: What follows the room id in the path: "" or "/a/b".
        sent: The request that it wraps; None: no process or stub has described it.
    """

    props: dict[str, Any]
    user_id: str | None
    subpath: str
    sent: "CopiedRequest | None" = None


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


class CopiedRequest(ASGIRequest):
    """
    Django's request, made of its description.

    Its user, session and ``auth`` are loaded when looked at, as sync code may.

    Attributes:
        activated: What middleware had activated for it.
        own_context: Context variables around it here; None: its turn has not begun.
        props: What the before-hook passed on.
    """

    activated: Activated | None
    own_context: Variables | None = None
    props: dict[str, Any]
    user: Any
    auth: Any

    @property
    def sent(self) -> Self:
        """The request itself; ``RoomRequest`` has it, too."""
        return self

    async def load_copied(self) -> None:
        """Load them now: a coroutine may then look at them without a query."""
        session = getattr(self, "session", None)
        if is_lazy(self.user) or is_lazy(self.auth) or session is not None:
            await sync_to_async(self._look)()

    def _look(self) -> None:
        bool(self.user)
        bool(self.auth)
        if hasattr(self, "session"):
            self.session.get("")

    async def auser(self) -> Any:
        """The user."""
        await self.load_copied()
        return self.user


async def load_copied(request: Any) -> None:
    """Load what a request that was described promises; any other has it."""
    sent: CopiedRequest | None = getattr(request, "sent", None)
    if sent is not None:
        await sent.load_copied()


def http_request(copy: RequestCopy) -> CopiedRequest:
    """Make Django's request of its description."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": copy.method,
        "path": copy.path,
        "raw_path": copy.raw_path,
        "root_path": copy.meta.get("SCRIPT_NAME", ""),
        "scheme": copy.scheme,
        "query_string": copy.query,
        "headers": copy.headers,
        "server": ("localhost", 80),
    }
    if copy.client is not None:
        scope["client"] = copy.client
    request = CopiedRequest(scope, BytesIO(copy.body))
    request.META.update(copy.meta)
    request.props = json.loads(copy.props)
    request.user = _nobody()
    if copy.user_id is not None:
        request.user = SimpleLazyObject(partial(_user, copy.user_id))
    if copy.session is not None:
        engine = import_module(settings.SESSION_ENGINE)
        request.session = engine.SessionStore(copy.session or None)
    request.auth = None if copy.auth is None else msgspec.msgpack.decode(copy.auth)
    if copy.auth_model is not None:
        request.auth = SimpleLazyObject(partial(_instance, *copy.auth_model))
    request.activated = copy.activated
    return request


def room_request(copy: RequestCopy, room_class: Any) -> Request:
    """Make the request that ``on_request`` is given of its description."""
    plain = http_request(copy)
    classes = room_class.parser_classes
    if classes is None:
        classes = api_settings.DEFAULT_PARSER_CLASSES
    request = RoomRequest(plain, parsers=make_parsers(classes))
    request.user, request.auth = plain.user, plain.auth
    request.sent = plain
    request.props = plain.props
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


def _nobody() -> Any:
    # It imports models, which a project without users has not installed.
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()


def _user(user_id: str) -> Any:
    users = get_user_model()._default_manager
    return users.filter(pk=user_id).first() or _nobody()


def _instance(label: str, key: str) -> Any:
    return apps.get_model(label)._default_manager.filter(pk=key).first()
