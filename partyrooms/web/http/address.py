"""Which room a request is for, and whether a URL is a room's at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import get_script_prefix
from django.http import HttpRequest, JsonResponse
from django.urls import Resolver404, ResolverMatch, get_resolver
from django.utils.translation import get_language, get_language_from_path, override

from partyrooms import registry
from partyrooms.core.keys import RoomKey
from partyrooms.core.paths import Address, parse_address, remainder
from partyrooms.delivery.responses import json_error
from partyrooms.exceptions import BadRoomId, UnknownParty

MARK = "is_room_view"
"""The attribute that marks the views of ``partyrooms.urls``."""

FIXED_PARTY = "fixed_party"
"""The argument of a URL that names its party, where the path does not.

No prefix of a project is likely to capture something under this name.
"""

NOT_HERE = (DisallowedHost, BadRoomId, UnknownParty)
"""What ``target_of`` raises: the request is for no room of this site."""

_RESOLVED = "partyrooms.resolved"
"""The key under which ``leads_to_room`` keeps its match in an ASGI scope."""

# Where WSGI servers put the path as it was sent; headers cannot reach these names.
_RAW_URI_KEYS = ("REQUEST_URI", "RAW_URI")


@dataclass(frozen=True, slots=True)
class Target:
    """
    Where a request goes, found out once for each request.

    Attributes:
        host: Host and port that the client asked for; they are served here.
        address: The room and what follows its id.
        room_class: The room's; its party is registered.
    """

    host: str
    address: Address
    room_class: Any


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A match, and what it depends on besides the project's URLs."""

    path: str
    language: str | None
    match: ResolverMatch


def is_room_view(view: Callable[..., Any]) -> bool:
    """Whether a view is that of ``partyrooms.urls``."""
    return getattr(view, MARK, False) is True


def leads_to_room(scope: dict[str, Any]) -> bool:
    """
    Whether the project's URLs lead an ASGI scope's path to a room.

    The match stays in the scope, for ``resolved``.
    """
    path: str = scope["path"]
    if "party/" not in path and "parties/" not in path:
        return False  # most requests of most projects need no second look
    path_info = path.removeprefix(get_script_prefix(scope))
    found = _resolve(path_info)
    if found is None and settings.USE_I18N:
        # In i18n_patterns() LocaleMiddleware will activate the path's language.
        language = get_language_from_path(path_info)
        if language is not None:
            with override(language):
                found = _resolve(path_info)
    if found is None or not is_room_view(found.match.func):
        return False
    scope[_RESOLVED] = found
    return True


def _resolve(path_info: str) -> _Resolved | None:
    try:
        match = get_resolver(settings.ROOT_URLCONF).resolve(path_info)
    except Resolver404:
        return None
    return _Resolved(path_info, get_language(), match)


def resolved(request: HttpRequest) -> ResolverMatch | None:
    """
    The match that ``leads_to_room`` found, if resolving again would find the same.

    A middleware may have changed path, URLs or language.
    """
    scope: Mapping[str, Any] = getattr(request, "scope", {})
    known: _Resolved | None = scope.get(_RESOLVED)
    if known is None or hasattr(request, "urlconf"):
        return None
    is_same = known.path == request.path_info and known.language == get_language()
    return known.match if is_same else None


def target_of(request: HttpRequest) -> Target:
    """
    Find the room that a request is for; once for each request.

    Its ``resolver_match`` leads to a room's view.

    Raises:
        DisallowedHost: If the client asked for a host that is not served here.
        UnknownParty: If there is no such party.
        BadRoomId: If no room can have this id.
    """
    known: Target | None = request.__dict__.get("_room_target")
    if known is None:
        match = request.resolver_match
        assert match is not None
        host = request.get_host()
        rest = _behind_the_first_word(request, len(match.kwargs["address"]))
        address = parse_address(rest, party=match.kwargs.get(FIXED_PARTY))
        known = Target(host, address, registry.get(address.key.party))
        request.__dict__["_room_target"] = known
    return known


def send_elsewhere(request: HttpRequest, key: RoomKey) -> None:
    """Let a request go to another room than the one that its URL names."""
    known = target_of(request)
    address = replace(known.address, key=key)
    elsewhere = Target(known.host, address, registry.get(key.party))
    request.__dict__["_room_target"] = elsewhere


def host_of(request: HttpRequest) -> str | None:
    """Host and port that the client asked for; None: they are not served here."""
    try:
        return request.get_host()
    except DisallowedHost:
        return None


def unknown_host() -> JsonResponse:
    """The answer to a client that asked for a host which is not served here."""
    return json_error(400, "This host is not served here.")


def address_error(error: Exception) -> JsonResponse:
    """
    The answer to a request that is for no room of this site.

    The client is not told which parties exist.

    Args:
        error: One of ``NOT_HERE``.
    """
    if isinstance(error, DisallowedHost):
        return unknown_host()
    if isinstance(error, UnknownParty):
        return json_error(404, "There is no such party.")
    return json_error(400, "No room can have this id.")


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
    The path as the client sent it, if the server passes it on.

    If not (a test client, a bare WSGI server), an encoded slash is taken for a slash.
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
