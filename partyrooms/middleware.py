"""
Before the room: a class's own hooks, run in the web process after ``MIDDLEWARE``.

They run for HTTP requests and WebSocket handshakes alike. Put the middleware last in
``MIDDLEWARE``: the hooks then come after everything else that may refuse a request.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from partyrooms import registry, usercode
from partyrooms.api.lobby import Lobby
from partyrooms.api.parties import parties
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.responses import Refusal, address_error, as_hooks_answer
from partyrooms.exceptions import BadRoomId, Reject, UnknownParty
from partyrooms.web.http.address import address_of, is_room_view
from partyrooms.web.http.fetch import answer_unmatched, answer_unmatched_in_thread
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.host import host_of, unknown_host

logger = logging.getLogger("partyrooms.before")

GetResponse = Callable[[HttpRequest], Any]


class BeforeHooksMiddleware:
    """
    Runs ``on_before_request`` and ``on_before_connect`` of the room's class, and
    ``on_fetch`` of the party ``main`` for what no URL matched.

    A request reaches its room only if the hook returned None or the request itself.
    Where the project's middleware does not come here, no hook runs, and a class that
    has one is refused to everybody.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Pass the request on: before-hooks run when its view is known."""
        if self._is_async:
            return self._pass_on(request)
        return answer_unmatched_in_thread(request, self.get_response(request))

    async def _pass_on(self, request: HttpRequest) -> HttpResponseBase:
        return await answer_unmatched(request, await self.get_response(request))

    async def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> HttpResponseBase | None:
        """Run the hook of the room that the request is for, if it is for one."""
        match = request.resolver_match
        if match is None or not is_room_view(view):
            return None
        try:
            key = address_of(request, match).key
            room_class = registry.get(key.party)
        except (BadRoomId, UnknownParty) as error:
            return address_error(error)
        request.props = {}  # type: ignore[attr-defined]  # ours; no header sets it
        hook = find_hook(room_class, request)
        if hook is None:
            return None
        # A hook may trust the host; the view looks at it where there is none.
        if host_of(request) is None:
            return unknown_host()
        return await _pass(request, hook, key)


def find_hook(
    room_class: type, request: HttpRequest
) -> Callable[[HttpRequest, Lobby], Any] | None:
    """The hook that a request to this class's rooms has to pass; None: it has none."""
    is_handshake = isinstance(request, HandshakeRequest)
    name = "on_before_connect" if is_handshake else "on_before_request"
    return getattr(room_class, name, None)


def require_hook_ran(request: HttpRequest) -> None:
    """
    Refuse a request whose hook was left out by the project's middleware.

    Raises:
        RuntimeError: If its room's class has a hook, and the hook did not run.
    """
    match = request.resolver_match
    if hasattr(request, "props") or match is None:
        return
    room_class = registry.get(address_of(request, match).key.party)
    if find_hook(room_class, request) is not None:
        raise RuntimeError(
            f"{room_class.__qualname__} has a before-hook that did not run: add "
            "'partyrooms.middleware.BeforeHooksMiddleware' to MIDDLEWARE (and to "
            "PARTYROOMS['WEBSOCKET_MIDDLEWARE'], if that is set)."
        )


async def _pass(
    request: HttpRequest, hook: Callable[[HttpRequest, Lobby], Any], key: RoomKey
) -> HttpResponseBase | None:
    """Run a hook; whatever it does but let the request pass is a response."""
    try:
        lobby = Lobby(key.party, key.room_id, parties)
        returned = await usercode.call(hook, request, lobby)
        if isinstance(returned, HttpResponseBase):
            if isinstance(request, HandshakeRequest):
                request.is_answered = True
            return as_hooks_answer(returned)
        _require_passed(hook, returned, request)
        request.props = _snapshot(hook, request)  # type: ignore[attr-defined]
    except Reject as rejection:
        return Refusal.of(rejection)
    except Exception:  # whatever it is: never open by accident
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


def _require_passed(
    hook: Callable[..., Any], returned: object, request: HttpRequest
) -> None:
    if returned is not None and returned is not request:
        raise TypeError(
            f"{hook.__qualname__} returned {type(returned).__qualname__}; allowed are "
            "None, the request that it was given, or an HttpResponse."
        )


def _snapshot(hook: Callable[..., Any], request: Any) -> dict[str, Any]:
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
        snapshot: dict[str, Any] = json.loads(json.dumps(props, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{hook.__qualname__} left something in request.props that JSON cannot "
            f"hold: {error}"
        ) from error
    return snapshot
