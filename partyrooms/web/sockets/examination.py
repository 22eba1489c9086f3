"""What a handshake must show before any hook of the project's classes hears of it."""

import logging
import re
from uuid import uuid4

from django.http import HttpResponse
from django.urls import ResolverMatch

from partyrooms import registry
from partyrooms.api.room import Room
from partyrooms.conf import get_settings
from partyrooms.core.origins import is_allowed
from partyrooms.delivery.responses import address_error, already_logged, json_error
from partyrooms.exceptions import BadRoomId, UnknownParty
from partyrooms.web.http.address import address_of
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.host import host_of, unknown_host

logger = logging.getLogger("partyrooms.handshake")

_CONNECTION_ID = re.compile(r"[\x20-\x7e]{1,128}")


def examine(request: HandshakeRequest, match: ResolverMatch) -> HttpResponse | None:
    """
    Look at host, room, origin, connection id and subprotocols, in this order.

    Returns:
        The denial, logged; None: nothing speaks against this client so far, and
        ``request`` tells its ``connection_id`` and ``subprotocol``.
    """
    denial = _examine_host(request)
    if denial is not None:
        return denial
    try:
        room_class = registry.get(address_of(request, match).key.party)
    except (BadRoomId, UnknownParty) as error:
        return _logged(request, address_error(error), str(error))
    return (
        _examine_origin(request, room_class)
        or _examine_connection_id(request)
        or _examine_subprotocols(request, room_class)
    )


def examine_outside(
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
    return _examine_host(request) or _examine_origin(request, room_class)


def _examine_host(request: HandshakeRequest) -> HttpResponse | None:
    if host_of(request) is not None:
        return None
    return _logged(request, unknown_host(), "its host is not in ALLOWED_HOSTS")


def _examine_origin(
    request: HandshakeRequest, room_class: type[Room]
) -> HttpResponse | None:
    own = f"{request.scheme}://{host_of(request)}"
    origin = request.META.get("HTTP_ORIGIN")
    allowed = (*get_settings().allowed_origins, *(room_class.allowed_origins or ()))
    has_cookies = bool(request.META.get("HTTP_COOKIE"))
    if is_allowed(origin, own=own, allowed=allowed, has_cookies=has_cookies):
        return None
    if origin is None:
        why = "it has cookies, but no Origin header"
    else:
        why = (
            f"its origin {origin!r:.200} is neither this site's ({own}) nor in "
            "PARTYROOMS['ALLOWED_ORIGINS']; if it should be this site's, a proxy in "
            "front needs SECURE_PROXY_SSL_HEADER or USE_X_FORWARDED_HOST"
        )
    return _denied(request, 403, "This origin may not connect.", why)


def _examine_connection_id(request: HandshakeRequest) -> HttpResponse | None:
    given = request.GET.get("_pk")
    if given is None:
        request.connection_id = uuid4().hex
        return None
    if not _CONNECTION_ID.fullmatch(given):
        detail = "_pk is 1 to 128 printable ASCII characters."
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
