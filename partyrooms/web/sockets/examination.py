"""What a handshake must show before any hook of the project's classes is called."""

import logging
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

from django.core.exceptions import DisallowedHost
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.decorators import async_only_middleware
from django.utils.module_loading import import_string

from partyrooms import usercode
from partyrooms.api.room import Room
from partyrooms.conf import get_settings
from partyrooms.core.origins import is_allowed
from partyrooms.delivery.internals import already_logged
from partyrooms.delivery.responses import json_error
from partyrooms.web.http.address import (
    NOT_HERE,
    address_error,
    host_of,
    is_room_view,
    resolved,
    target_of,
    unknown_host,
)
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.sockets.denial import not_found

logger = logging.getLogger("partyrooms.handshake")

_CONNECTION_ID = re.compile(r"[\x20-\x7e]{1,128}")


GetResponse = Callable[[HandshakeRequest], Awaitable[HttpResponseBase]]


@async_only_middleware
def room_examination(get_response: GetResponse) -> GetResponse:
    """The middleware that denies a client which ``examine`` finds fault with."""

    async def judge(request: HandshakeRequest) -> HttpResponseBase:
        return await examine(request) or await get_response(request)

    return judge


async def examine(request: HandshakeRequest) -> HttpResponse | None:
    """
    Look at URL, host, room, origin, connection id and subprotocols, in this order.

    Returns:
        The denial, logged; None: nothing speaks against this client so far, and
        ``request`` tells its ``connection_id`` and ``subprotocol``.
    """
    try:
        urlconf = getattr(request, "urlconf", None)
        match = resolved(request) or resolve(request.path_info, urlconf)
    except Resolver404:
        return not_found()
    request.resolver_match = match
    if not is_room_view(match.func):
        return not_found()
    try:
        target = target_of(request)
    except DisallowedHost:
        return _unknown_host(request)
    except NOT_HERE as error:
        return _logged(request, address_error(error), str(error))
    return (
        await _examine_origin(request, target.host, target.room_class)
        or _examine_connection_id(request)
        or _examine_subprotocols(request, target.room_class)
    )


async def examine_outside(
    request: HandshakeRequest, room_class: type[Room]
) -> HttpResponse | None:
    """
    Look at host and origin of a client that asks for no room, in this order.

    Args:
        request: The handshake.
        room_class: The one whose class method is to serve it; it may allow origins.

    Returns:
        The denial, logged; None: nothing speaks against this client so far.
    """
    host = host_of(request)
    if host is None:
        return _unknown_host(request)
    return await _examine_origin(request, host, room_class)


def connection_id_error(given: str) -> str | None:
    """What a connection id is; None: this is one."""
    if _CONNECTION_ID.fullmatch(given):
        return None
    return "_pk is 1 to 128 printable ASCII characters."


def _unknown_host(request: HandshakeRequest) -> HttpResponse:
    return _logged(request, unknown_host(), "its host is not in ALLOWED_HOSTS")


async def _examine_origin(
    request: HandshakeRequest, host: str, room_class: type[Room]
) -> HttpResponse | None:
    own = f"{request.scheme}://{host}"
    origin = request.META.get("HTTP_ORIGIN")
    given = (get_settings().allowed_origins, room_class.allowed_origins or ())
    allowed = [one for some in given if not isinstance(some, str) for one in some]
    has_cookies = bool(request.META.get("HTTP_COOKIE"))
    if is_allowed(origin, own=own, allowed=allowed, has_cookies=has_cookies):
        return None
    if origin is None:
        why = "it has cookies, but no Origin header"
    elif any([await _is_allowed_by(one, origin, request) for one in given]):
        return None
    else:
        why = (
            f"its origin {origin!r:.200} is neither this site's ({own}) nor in "
            "PARTYROOMS['ALLOWED_ORIGINS']; if it should be this site's, a proxy in "
            "front needs SECURE_PROXY_SSL_HEADER or USE_X_FORWARDED_HOST"
        )
    return _denied(request, 403, "This origin may not connect.", why)


async def _is_allowed_by(path: object, origin: str, request: HandshakeRequest) -> bool:
    """Whether a function of the project, if this is the path of one, allows it."""
    if not isinstance(path, str):
        return False
    try:
        return bool(await usercode.call(import_string(path), origin, request))
    except Exception:  # whatever it is, the origin is not allowed
        logger.exception(
            "%s failed; the client was refused",
            path,
            extra={"action": "origin_function_failed"},
        )
        return False


def _examine_connection_id(request: HandshakeRequest) -> HttpResponse | None:
    given = request.GET.get("_pk")
    if given is None:
        request.connection_id = uuid4().hex
        return None
    if detail := connection_id_error(given):
        return _denied(request, 400, detail, "its _pk is no connection id")
    request.connection_id = given
    return None


def _examine_subprotocols(
    request: HandshakeRequest, room_class: type[Room]
) -> HttpResponse | None:
    offered = request.scope.get("subprotocols") or ()
    if not offered:
        return None
    for subprotocol in room_class.subprotocols:
        if subprotocol in offered:
            request.subprotocol = subprotocol
            return None
    why = f"it offers none of {room_class.__qualname__}.subprotocols"
    return _denied(request, 400, "None of these subprotocols is spoken here.", why)


def _denied(
    request: HandshakeRequest, status: int, detail: str, why: str
) -> HttpResponse:
    return _logged(request, json_error(status, detail), why)


def _logged(request: HandshakeRequest, denial: HttpResponse, why: str) -> HttpResponse:
    logger.warning(
        "Denied a handshake for %r with %d: %s",
        request.path[:300],
        denial.status_code,
        why,
        extra={"action": "handshake_denied", "status_code": denial.status_code},
    )
    return already_logged(denial)
