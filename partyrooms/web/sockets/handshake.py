"""
The handshake of a WebSocket, run through the project's own ``MIDDLEWARE``.

A GET request is built of the WebSocket's scope and sent through Django's handler
chain to a view that accepts. So sessions, users, locale and the project's own
middleware work as for HTTP; any response but the acceptance is the denial.
"""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

from django.conf import settings as django_settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch

from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.internals import middleware_setting
from partyrooms.delivery.responses import Refusal, json_error
from partyrooms.delivery.surroundings import receive_nothing, send_nowhere
from partyrooms.web.http.acceptance import Acceptance
from partyrooms.web.http.address import (
    host_of,
    is_room_view,
    resolved,
    target_of,
    unknown_host,
    uri_of,
)
from partyrooms.web.http.before_hooks import props_of
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.lifetime import RequestLifetime
from partyrooms.web.http.on_loop import on_loop
from partyrooms.web.sockets.denial import (
    Send,
    accept_and_close,
    collected,
    deny,
    response_headers,
    too_late,
)

logger = logging.getLogger("partyrooms.handshake")

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

# They speak of the body that an accepted handshake does not have, or are the server's.
_NOT_FOR_ACCEPT = frozenset(
    {b"connection", b"etag", b"transfer-encoding", b"upgrade", b"vary",
     b"x-frame-options"}
)  # fmt: skip


_JUDGED = "partyrooms.judged"
"""Where an ASGI scope has the place for what becomes of its handshake."""


@dataclass(slots=True, kw_only=True)
class Admission:
    """
    A client whose handshake passed, for the consumer to attach to the room.

    It is handed over as ``scope["partyrooms"]``. The ``websocket.connect`` event is
    consumed, and nothing was sent yet: accepting or denying is the consumer's.

    Attributes:
        key: The room; its party is registered.
        connection_id: The client's ``_pk``, or one made here.
        user_id: The primary key of the Django user as text; None: anonymous.
        uri: Path and query as the client sent them, percent-encoded.
        subprotocol: The one to select; None: none.
        headers: For ``websocket.accept``: cookies and the project's own headers.
        request: The handshake after ``MIDDLEWARE``.
        props: What the before-hook passed on.
        deadline: The event loop's time by which the handshake must be answered.
    """

    key: RoomKey
    connection_id: str
    user_id: str | None
    uri: str
    subprotocol: str | None
    headers: list[tuple[bytes, bytes]]
    request: HttpRequest
    props: dict[str, Any]
    deadline: float


@dataclass(slots=True)
class Judged:
    """
    What becomes of a handshake.

    Attributes:
        request: Made of it; None: its path is no text.
        response: The acceptance, or the denial.
    """

    request: Any = None
    response: Any = None


class Handshake(ASGIHandler):
    """
    An ASGI application for the WebSockets of rooms.

    Args:
        consumer: Serves what passed; ``scope["partyrooms"]`` is what ``admit`` made.
    """

    request_class: type[Any] = HandshakeRequest

    last_middleware = "partyrooms.web.sockets.examination.room_examination"
    """Runs after the project's own, before any hook: it judges the client."""

    def __init__(self, consumer: ASGIApp) -> None:
        self._consumer = consumer
        self._running: set[asyncio.Task[None]] = set()
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:
        """Load ``WEBSOCKET_MIDDLEWARE``, by default ``MIDDLEWARE``."""
        own = get_settings().websocket_middleware
        paths = django_settings.MIDDLEWARE if own is None else own
        with middleware_setting([*on_loop(paths), self.last_middleware]):
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
        request, response = await self._judge(scope, patience)
        if request is None:
            await deny(scope, send, json_error(400, "This is no URL."))
            return
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
        """Describe a client that passed, for the consumer."""
        return Admission(
            key=target_of(request).address.key,
            connection_id=request.connection_id,
            user_id=request.user_id,
            uri=uri_of(request),
            subprotocol=request.subprotocol,
            headers=accept_headers(response),
            request=request,
            props=props_of(request),
            deadline=deadline,
        )

    async def _judge(
        self, scope: Mapping[str, Any], patience: float
    ) -> tuple[Any, HttpResponseBase]:
        """Run the chain in its own task: a thread that hangs delays no answer."""
        judged = Judged()
        # Inside of Django's own __call__, into which error trackers and tracers hook.
        work = super().__call__(
            {**_as_get(scope), _JUDGED: judged}, receive_nothing, send_nowhere
        )
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait({task}, timeout=patience)
        finally:
            task.cancel()  # ends a coroutine; a thread runs to its end
        if task.done():
            task.result()
            return judged.request, judged.response
        logger.warning(
            "A handshake for %r took longer than CONNECT_TIMEOUT (%g s)",
            scope["path"][:300],
            patience,
            extra={"action": "handshake_timeout"},
        )
        late = too_late("The handshake took too long; come back later.")
        return judged.request, late

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Find out what becomes of a handshake; nothing leaves before it is known."""
        judged: Judged = scope.pop(_JUDGED)
        judged.request, judged.response = self.create_request(scope, io.BytesIO())
        if judged.request is None:
            return
        async with RequestLifetime(type(self), scope) as lifetime:
            response: HttpResponseBase = await self.run_get_response(judged.request)
            try:
                # A file is closed below, before the client gets its answer.
                if response.streaming:
                    judged.response = await collected(response)
                else:
                    judged.response = response
            finally:
                await lifetime.close(response)
            await send({"type": "http.response.start", "status": response.status_code})

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Find the view, in whatever decorators the project has wrapped it."""
        match = request.resolver_match = resolved(request)
        match = match or super().resolve_request(request)
        if is_room_view(match.func):
            match.func = _for_handshakes(match.func)
        return match


def _for_handshakes(view: Callable[..., Any]) -> Callable[..., Any]:
    """
    The same view, to ``LoginRequiredMiddleware`` one that needs a login.

    HTTP has REST framework's policy in its place; handshakes have none.
    """
    same = update_wrapper(partial(view), view)
    same.login_required = True  # type: ignore[attr-defined]
    return same


async def turn_away(
    scope: Mapping[str, Any],
    send: Send,
    request: HandshakeRequest,
    response: HttpResponseBase,
) -> None:
    """Deny or close, as the response says."""
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
    # Daphne gives no scheme; with a proxy SECURE_PROXY_SSL_HEADER does.
    scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
    return {**scope, "type": "http", "method": "GET", "scheme": scheme}
