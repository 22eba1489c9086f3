"""
The handshake of a WebSocket, run through the project's own ``MIDDLEWARE``.

A GET request is built of the WebSocket's scope and sent through Django's handler
chain to a view that accepts. So sessions, users, locale and whatever else a project
has work as for HTTP; any other response than the acceptance is the denial.
"""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch

from partyrooms.conf import get_settings
from partyrooms.delivery.responses import Refusal, json_error
from partyrooms.middleware import require_hook_ran
from partyrooms.web.http.address import MARK, address_of, is_room_view, uri_of
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.host import host_of, unknown_host
from partyrooms.web.http.lifetime import RequestLifetime
from partyrooms.web.http.on_loop import middleware_setting, on_loop
from partyrooms.web.http.user import load_user
from partyrooms.web.sockets.admission import Admission
from partyrooms.web.sockets.denial import Send, accept_and_close, deny, response_headers
from partyrooms.web.sockets.examination import examine

logger = logging.getLogger("partyrooms.handshake")

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

# They speak of the body that an accepted handshake does not have, or are the server's.
_NOT_FOR_ACCEPT = frozenset(
    {b"connection", b"etag", b"transfer-encoding", b"upgrade", b"vary",
     b"x-frame-options"}
)  # fmt: skip


class Acceptance(HttpResponse):
    """What the chain returns for a client that may come in."""

    status_code = 101


class Handshake(ASGIHandler):
    """
    An ASGI application for the WebSockets of rooms.

    Args:
        consumer: Serves what passed; ``scope["partyrooms"]`` is what ``admit`` made.
    """

    request_class: type[Any] = HandshakeRequest

    def __init__(self, consumer: ASGIApp) -> None:
        self._consumer = consumer
        self._running: set[asyncio.Task[HttpResponseBase]] = set()
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:
        """Load ``WEBSOCKET_MIDDLEWARE``, by default ``MIDDLEWARE``."""
        own = get_settings().websocket_middleware
        paths = django_settings.MIDDLEWARE if own is None else own
        with middleware_setting(on_loop(paths)):
            super().load_middleware(is_async)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """
        Judge a client, then turn it away or hand it to the consumer.

        It is answered within ``CONNECT_TIMEOUT``. A client that leaves in the meantime
        interrupts nothing: hooks run to their end, and the answer goes nowhere.
        """
        if (await receive())["type"] != "websocket.connect":
            return
        patience = get_settings().connect_timeout
        deadline = asyncio.get_running_loop().time() + patience
        request: Any
        request, _ = self.create_request(_as_get(scope), io.BytesIO())
        if request is None:
            await deny(scope, send, json_error(400, "This is no URL."))
            return
        response = await self._judge(request, patience)
        if not isinstance(response, Acceptance):
            await turn_away(scope, send, request, response)
            return
        scope["partyrooms"] = admission = self.admit(request, response, deadline)
        # A socket may be open for days: it keeps nothing of its handshake.
        del request, response, admission
        await self._consumer(scope, receive, send)

    def admit(
        self, request: HandshakeRequest, response: Acceptance, deadline: float
    ) -> Any:
        """What the consumer is told of a client that may come in."""
        match = request.resolver_match
        assert match is not None  # or the view that accepts would not have been found
        return Admission(
            key=address_of(request, match).key,
            connection_id=request.connection_id,
            user_id=request.user_id,
            uri=uri_of(request),
            subprotocol=request.subprotocol,
            headers=accept_headers(response),
            request=request,
            deadline=deadline,
        )

    async def _judge(self, request: Any, patience: float) -> HttpResponseBase:
        """Run the chain in a task of its own, which a thread that hangs can't hold."""
        task = asyncio.create_task(self._run(request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait({task}, timeout=patience)
        finally:
            task.cancel()  # ends a coroutine; a thread runs to its end, unheard
        if task.done():
            return task.result()
        logger.warning(
            "A handshake for %r took longer than CONNECT_TIMEOUT (%g s)",
            request.path[:300],
            patience,
            extra={"action": "handshake_timeout"},
        )
        detail = "The handshake took too long; come back later."
        return json_error(503, detail, {"Retry-After": "1"})

    async def _run(self, request: Any) -> HttpResponseBase:
        async with RequestLifetime(type(self), request.scope) as lifetime:
            response: HttpResponseBase = await self.run_get_response(request)
            await lifetime.close(response)
        return response

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Put the view that accepts in the place of the view that a URL leads to."""
        match = super().resolve_request(request)
        if is_room_view(match.func):
            match.func = accept
        return match

    async def _get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Examine the client between the middleware and the hooks."""
        try:
            match = self.resolve_request(request)
        except Resolver404:
            return json_error(404, "Not found.")
        if match.func is not accept or not isinstance(request, HandshakeRequest):
            return json_error(404, "Not found.")
        denial = examine(request, match)
        if denial is not None:
            return denial
        response: HttpResponseBase = await super()._get_response_async(request)  # type: ignore[misc]
        return response


async def accept(
    request: HandshakeRequest, address: str, party: str | None = None
) -> HttpResponse:
    """Let a client in that came past everything; find out who it is."""
    require_hook_ran(request)
    request.user_id = await load_user(request)
    request.__dict__["_body"] = b""  # for the room: Django closes the stream
    return Acceptance()


setattr(accept, MARK, True)  # so that its before-hook runs


async def turn_away(
    scope: Mapping[str, Any],
    send: Send,
    request: HandshakeRequest,
    response: HttpResponseBase,
) -> None:
    """Say no in the way that a response stands for."""
    if isinstance(response, Refusal):
        code, reason = response.close_code, response.close_reason
    elif request.has_failed:
        code, reason = 1011, "internal error"
    elif response.status_code < (200 if request.is_answered else 400):
        logger.warning(
            "A handshake for %r was answered with %d and so denied with 403: a login "
            "may be required, or SECURE_SSL_REDIRECT be on without "
            "SECURE_PROXY_SSL_HEADER",
            request.path[:300],
            response.status_code,
            extra={"action": "handshake_redirected"},
        )
        # No browser follows it; a hook knows its clients, a middleware thinks of pages.
        await deny(scope, send, json_error(403, "This handshake was redirected."))
        return
    else:
        # A middleware may have met the host first: Django's page for that is HTML,
        # and with DEBUG it tells a developer everything.
        denial = unknown_host() if host_of(request) is None else response
        await deny(scope, send, denial)
        return
    headers = accept_headers(response)
    await accept_and_close(scope, send, code, reason, headers, request.subprotocol)


def accept_headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    """Cookies and the project's own headers; none that describe a body."""
    return [
        (name, value)
        for name, value in response_headers(response)
        if name not in _NOT_FOR_ACCEPT
        and not name.startswith((b"content-", b"sec-websocket-"))
    ]


def _as_get(scope: Mapping[str, Any]) -> dict[str, Any]:
    """A handshake's scope as that of the GET request that it is."""
    # Daphne tells no scheme; behind a proxy SECURE_PROXY_SSL_HEADER does.
    scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
    return {**scope, "type": "http", "method": "GET", "scheme": scheme}
