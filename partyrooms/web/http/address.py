"""Which room a request is for, and whether a URL is a room's at all."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.handlers.asgi import get_script_prefix
from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, get_resolver
from django.utils.translation import get_language_from_path, override

from partyrooms.core.paths import Address, parse_address, remainder
from partyrooms.exceptions import BadRoomId

MARK = "is_room_view"
"""The attribute by which the views behind ``partyrooms.urls`` are known."""

# Where WSGI servers put the path as it was sent; headers cannot reach these names.
_RAW_URI_KEYS = ("REQUEST_URI", "RAW_URI")


def is_room_view(view: Callable[..., Any]) -> bool:
    """Whether a view is the one behind ``partyrooms.urls``."""
    return getattr(view, MARK, False) is True


def leads_to_room(scope: Mapping[str, Any]) -> bool:
    """Whether the project's URLs lead an ASGI scope's path to a room."""
    path: str = scope["path"]
    if "party/" not in path and "parties/" not in path:
        return False  # most requests of most projects: spare them the second look
    path_info = path.removeprefix(get_script_prefix(scope))
    resolver = get_resolver(settings.ROOT_URLCONF)
    # The language that LocaleMiddleware will activate for it, in i18n_patterns().
    language = get_language_from_path(path_info) if settings.USE_I18N else None
    try:
        with override(language) if language else nullcontext():
            match = resolver.resolve(path_info)
    except Resolver404:
        return False
    return is_room_view(match.func)


def address_of(request: HttpRequest, match: ResolverMatch) -> Address:
    """
    Read which room a resolved request is for; once for each request.

    Raises:
        UnknownParty: If no party can have this name.
        BadRoomId: If no room can have this id.
    """
    known: Address | None = request.__dict__.get("_room_address")
    if known is None:
        rest = _behind_the_first_word(request, len(match.kwargs["address"]))
        known = parse_address(rest, party=match.kwargs.get("party"))
        request.__dict__["_room_address"] = known
    return known


def _behind_the_first_word(request: HttpRequest, size: int) -> bytes:
    sent = raw_path(request)
    try:
        return remainder(sent, request.path[:-size] if size else request.path)
    except BadRoomId:
        # Under WSGI FORCE_SCRIPT_NAME puts into the path what a proxy took away.
        path = request.path_info
        return remainder(sent, path[:-size] if size else path)


def raw_path(request: HttpRequest) -> bytes:
    """
    The path as the client sent it, as far as the server tells.

    Where it does not (a test client, a bare WSGI server), an encoded slash cannot be
    told from a slash any more.
    """
    scope: Mapping[str, Any] = getattr(request, "scope", {})
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        sent = [request.META[key] for key in _RAW_URI_KEYS if key in request.META]
        is_path = bool(sent) and sent[0].startswith("/")
        raw = sent[0].encode("latin-1") if is_path else quote(request.path).encode()
    return raw.partition(b"?")[0]


def uri_of(request: HttpRequest) -> str:
    """Path and query as the client sent them."""
    path = raw_path(request).decode("latin-1")
    query = request.META.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path
