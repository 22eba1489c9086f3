"""The view of ``partyrooms.urls``: REST framework's policy, then the room."""

import json
import logging
from functools import cache
from typing import Any, NoReturn

from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import connections, transaction
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView, exception_handler

from partyrooms.core.frames import Answer, AnswerKind
from partyrooms.delivery.client_errors import client_error
from partyrooms.delivery.internals import already_logged
from partyrooms.delivery.requests import RoomRequest, make_parsers
from partyrooms.delivery.responses import (
    CONTENT_TYPES,
    json_error,
    plain_response,
    set_headers,
)
from partyrooms.delivery.surroundings import note_surroundings
from partyrooms.exceptions import PartyroomsError
from partyrooms.web.http.acceptance import accept
from partyrooms.web.http.address import (
    FIXED_PARTY,
    MARK,
    NOT_HERE,
    Target,
    address_error,
    target_of,
)
from partyrooms.web.http.ask import ask
from partyrooms.web.http.before_hooks import props_of, require_hook_ran
from partyrooms.web.http.body import adopt_body
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.policy import run_policy, user_id_of

logger = logging.getLogger("partyrooms.http")

EVENT_STREAM = "text/event-stream"

POLICIES = (
    "authentication_classes",
    "permission_classes",
    "throttle_classes",
    "parser_classes",
    "renderer_classes",
    "throttle_scope",  # what ScopedRateThrottle asks for
)


def _non_atomic(view: Any) -> Any:
    """
    Keep ``ATOMIC_REQUESTS`` from a view, which Django refuses for async ones.

    A room's writes have transactions of their own.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


@_non_atomic
@csrf_exempt
async def room_view(
    request: HttpRequest, address: str, **captured: Any
) -> HttpResponseBase:
    """
    Answer a request to a room, or let a handshake in.

    Decorators of this view protect both. They copy its attributes, as
    ``functools.wraps`` does, or else the URL is that of no room.

    Args:
        address: What the resolver made of the path; the raw path decides.
        captured: What the project's prefix captured, and perhaps ``FIXED_PARTY``.
    """
    if request.resolver_match is None:
        raise TypeError("room_view answers requests that a URL resolver led here.")
    if isinstance(request, HandshakeRequest):
        return await accept(request)
    try:
        target = target_of(request)
    except NOT_HERE as error:
        return address_error(error)
    return await view_class(target.room_class)().answer(request, target)


# Its own policy decides who has to log in, as in every view of REST framework.
room_view.login_required = False
setattr(room_view, MARK, True)


@cache
def view_class(room_class: Any) -> "type[RoomView]":
    """Make the view with a class's policy; ``REST_FRAMEWORK`` has the defaults."""
    policies = {name: getattr(room_class, name, None) for name in POLICIES}
    given = {name: value for name, value in policies.items() if value is not None}
    if not apps.is_installed("rest_framework"):
        # The templates of its pages are not there, so a browser sees JSON.
        renderers = given.get("renderer_classes", RoomView.renderer_classes)
        given["renderer_classes"] = [
            one for one in renderers if not issubclass(one, BrowsableAPIRenderer)
        ] or [JSONRenderer]
    name, manual = room_class.__name__, room_class.__doc__
    return type(f"{name}View", (RoomView,), {**given, "name": name, "__doc__": manual})


class RoomView(APIView):
    """One request to one room; every method of HTTP goes to ``on_request``."""

    name: str

    @property
    def allowed_methods(self) -> list[str]:
        """What the browsable API offers, and ``Allow`` says."""
        return ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

    async def answer(
        self, http_request: HttpRequest, target: Target
    ) -> HttpResponseBase:
        """Run the policy, ask the room, and present what it answers."""
        key = target.address.key
        self.args, self.kwargs = (), _kwargs(http_request, target)
        self.format_kwarg = None
        self.request = request = self.initialize_request(http_request)
        self.headers = self.default_response_headers
        response: HttpResponseBase
        try:
            require_hook_ran(http_request, target)
            adopt_body(http_request)
            await run_policy(self, request, http_request)
            self.require_answerable(target)
            request.props = props_of(http_request)
            request.user_id = user_id_of(request.user)
            request.subpath = target.address.subpath
            note_surroundings(request)
            answer = await ask(http_request, key, request)
            response = self.present(answer)
        except Exception as error:
            response = await self.refuse(error)
        finished: HttpResponseBase = self.finalize_response(request, response)  # type: ignore[arg-type]
        return finished

    def require_answerable(self, target: Target) -> None:
        """
        Let nothing start for a request that no hook will answer.

        Raises:
            MethodNotAllowed: For methods such as TRACE and PROPFIND.
            NotFound: If the class has no ``on_request``.
        """
        method = self.request.method or ""
        if method not in self.allowed_methods:
            raise exceptions.MethodNotAllowed(method)
        if not hasattr(target.room_class, "on_request"):
            raise exceptions.NotFound(
                f"The party {target.address.key.party!r} takes no requests."
            )

    def initialize_request(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> RoomRequest:
        """Wrap Django's request."""
        return RoomRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def get_parsers(self) -> list[Any]:
        """Make the parsers of the class's policy."""
        return make_parsers(self.parser_classes)

    def present(self, answer: Answer) -> HttpResponseBase:
        """Make a response of a room's answer, in the format that was negotiated."""
        response = self._body_of(answer)
        set_headers(response, answer)
        if "Allow" in response:
            # The room decides which methods it takes, so its own word is the last.
            self.headers.pop("Allow", None)
        if answer.status == 401 and "WWW-Authenticate" not in response:
            scheme = self.get_authenticate_header(self.request)
            if scheme:
                response["WWW-Authenticate"] = scheme
        return response

    def _body_of(self, answer: Answer) -> HttpResponseBase:
        if answer.kind is AnswerKind.STREAM:
            return self._streaming(answer)
        is_value = answer.kind in (AnswerKind.DATA, AnswerKind.EMPTY)
        if is_value and not self._renders_plain_json():
            value = json.loads(answer.body) if answer.body else None
            content_type = answer.content_type
            return Response(value, status=answer.status, content_type=content_type)
        # JSON was made by the same renderer already, where the room runs.
        return plain_response(answer)

    def _streaming(self, answer: Answer) -> StreamingHttpResponse:
        wants_events = wants_event_stream(self.request)
        default = EVENT_STREAM if wants_events else CONTENT_TYPES[answer.kind]
        response = StreamingHttpResponse(
            answer.stream,
            status=answer.status,
            content_type=answer.content_type or default,
        )
        if response["Content-Type"].startswith(EVENT_STREAM):
            # No proxy in between may keep events back.
            response.setdefault("Cache-Control", "no-cache")
            response.setdefault("X-Accel-Buffering", "no")
        return response

    def perform_content_negotiation(self, request: Any, force: bool = False) -> Any:
        """Take a request for events, which a browser's EventSource makes: no 406."""
        try:
            return super().perform_content_negotiation(request, force)
        except exceptions.NotAcceptable:
            if not wants_event_stream(request):
                raise
            renderer = self.get_renderers()[0]
            return renderer, renderer.media_type

    def _renders_plain_json(self) -> bool:
        request = self.request
        return (
            type(request.accepted_renderer) is JSONRenderer
            and "indent" not in request.accepted_media_type
        )

    async def refuse(self, error: Exception) -> Any:
        """Make a response of an error; a project's own handler may block."""
        if api_settings.EXCEPTION_HANDLER is exception_handler:
            return self.handle_exception(error)
        return await sync_to_async(self.handle_exception)(error)

    def handle_exception(self, exc: Exception) -> Any:
        """Make a response of an error; it never contains a traceback."""
        exc = client_error(exc) or exc
        if isinstance(exc, PartyroomsError) and exc.status_code == 503:
            if not exc.was_logged:
                logger.warning("%s", exc, extra={"action": "room_unreachable"})
            return already_logged(super().handle_exception(Unreachable()))
        try:
            return super().handle_exception(exc)
        except Exception:  # what REST framework knows no response for
            logger.exception(
                "A request to a room failed on its way",
                extra={"action": "request_failed"},
            )
            return already_logged(json_error(500, "Internal server error."))

    def raise_uncaught_exception(self, exc: Exception) -> NoReturn:
        """Leave it to ``handle_exception``: no traceback for the client, ever."""
        raise exc


def _kwargs(request: HttpRequest, target: Target) -> dict[str, Any]:
    """What policies see: the room, and what a prefix of its URL has captured."""
    match = request.resolver_match
    captured = {} if match is None else match.kwargs
    prefix = {k: v for k, v in captured.items() if k not in ("address", FIXED_PARTY)}
    key = target.address.key
    return {**prefix, "party": key.party, "room_id": key.room_id}


def wants_event_stream(request: Any) -> bool:
    """Whether the client asks for server-sent events, and not just for anything."""
    accepted = request.META.get("HTTP_ACCEPT", "").lower().split(",")
    return any(one.partition(";")[0].strip() == EVENT_STREAM for one in accepted)


class Unreachable(exceptions.APIException):
    """The room cannot be reached now, or has too much to do."""

    status_code = 503
    default_detail = "The room is not available; come back later."
    default_code = "unavailable"
    wait = 1  # becomes Retry-After
