"""``on_before_request`` and ``on_before_connect``: a class's hooks before its rooms."""

import json
import logging
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from partyrooms import usercode
from partyrooms.api.lobby import Lobby
from partyrooms.api.parties import Stub, parties
from partyrooms.core.keys import RoomKey
from partyrooms.core.validation import as_text
from partyrooms.delivery.client_errors import client_error
from partyrooms.delivery.responses import Refusal, as_hooks_answer, json_error
from partyrooms.exceptions import Reject
from partyrooms.json_text import json_text
from partyrooms.web.http.address import (
    NOT_HERE,
    Target,
    address_error,
    is_room_view,
    send_elsewhere,
    target_of,
)
from partyrooms.web.http.body import adopt_body
from partyrooms.web.http.csrf import check_token, may_be_forged
from partyrooms.web.http.handshake_request import HandshakeRequest

logger = logging.getLogger("partyrooms.before")

Hook = Callable[[HttpRequest, Lobby], Any]

_PASSED = "partyrooms.props"
"""Where a request that its hook has let through keeps what it passed on.

No attribute that other code sets has such a name.
"""


async def run_before_hook(
    request: HttpRequest, view: Callable[..., Any]
) -> HttpResponseBase | None:
    """
    Run the hook of the room that a request is for.

    Afterwards ``request.props`` exists, and ``props_of`` has what passes on.

    Args:
        request: Django's, with its URL resolved.
        view: Where the URL leads.

    Returns:
        The answer to the client; None: the request passes, or is for no room.
    """
    if request.resolver_match is None or not is_room_view(view):
        return None
    try:
        target = target_of(request)
    except NOT_HERE as error:
        return address_error(error)
    request.props = {}  # type: ignore[attr-defined]  # ours; no header sets it
    hook = _hook_for(request, target)
    if hook is None:
        return None
    denial = await _run(hook, request, target.address.key)
    if denial is None:
        request.__dict__[_PASSED] = request.props  # type: ignore[attr-defined]
    return denial


def props_of(request: HttpRequest) -> dict[str, Any]:
    """What the before-hook passed on, whatever else is called ``request.props``."""
    props: dict[str, Any] = request.__dict__.get(_PASSED, {})
    return props


def require_hook_ran(request: HttpRequest, target: Target) -> None:
    """
    Refuse a request whose hook was left out by the project's middleware.

    Raises:
        RuntimeError: If its room's class has a hook, and the hook did not run.
    """
    if _PASSED in request.__dict__ or _hook_for(request, target) is None:
        return
    raise RuntimeError(
        f"{target.room_class.__qualname__} has a before-hook that did not run: add "
        "'partyrooms.middleware.BeforeHooksMiddleware' to MIDDLEWARE (and to "
        "PARTYROOMS['WEBSOCKET_MIDDLEWARE'], if that is set)."
    )


def _hook_for(request: HttpRequest, target: Target) -> Hook | None:
    is_handshake = isinstance(request, HandshakeRequest)
    name = "on_before_connect" if is_handshake else "on_before_request"
    return getattr(target.room_class, name, None)


async def _run(
    hook: Hook, request: HttpRequest, key: RoomKey
) -> HttpResponseBase | None:
    try:
        denial = await _check(hook, request)
        if denial is not None:
            return denial
        lobby = Lobby(key.party, key.room_id, parties)
        returned = await usercode.call(hook, request, lobby)
        if isinstance(returned, HttpResponseBase):
            if isinstance(request, HandshakeRequest):
                request.is_answered = True
            return as_hooks_answer(returned)
        if isinstance(returned, Stub):
            send_elsewhere(request, returned.key)
            returned = None
        _require_passed(hook, returned, request)
        request.props = _snapshot(hook, request)  # type: ignore[attr-defined]
    except Reject as rejection:
        return Refusal.of(rejection)
    except Exception as error:  # any error refuses: never open by accident
        known = client_error(error)
        if known is not None:
            return json_error(known.status_code, str(known.detail))
        logger.exception(
            "%s of %s failed; the client was refused",
            hook.__qualname__,
            key,
            extra={"action": "before_hook_failed", "room": str(key)},
        )
        return Refusal.defect()
    # A hook may change META; what was read from it before is out of date.
    request.__dict__.pop("headers", None)
    return None


async def _check(hook: Hook, request: HttpRequest) -> HttpResponseBase | None:
    """
    Look at body and token before the project's code acts for whoever has the cookies.

    A handshake has no token; its origin was checked instead.
    """
    if isinstance(request, HandshakeRequest):
        return None
    adopt_body(request)  # the room needs it whole, and the token may be in a form
    return await check_token(request, hook) if may_be_forged(request) else None


def _require_passed(hook: Hook, returned: object, request: HttpRequest) -> None:
    if returned is not None and returned is not request:
        raise TypeError(
            f"{hook.__qualname__} returned {type(returned).__qualname__}; allowed are "
            "None, the request that it was given, an HttpResponse, or a room as in "
            "lobby.parties['chat'].get('lobby')."
        )


def _snapshot(hook: Hook, request: Any) -> dict[str, Any]:
    """The props as JSON carries them, so that every room sees the same."""
    props = request.props
    if props == {} and type(props) is dict:
        return props
    if not isinstance(props, dict):
        raise TypeError(
            f"{hook.__qualname__} set request.props to {type(props).__qualname__}; "
            "it must stay a dict of JSON values."
        )
    try:
        text = as_text(json_text(props), "request.props")
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{hook.__qualname__} left something in request.props that JSON cannot "
            f"hold: {error}"
        ) from error
    snapshot: dict[str, Any] = json.loads(text)
    return snapshot
