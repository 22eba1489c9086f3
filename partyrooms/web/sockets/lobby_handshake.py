"""``on_socket`` of the party ``main``: WebSockets that lead to no room."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

from asgiref.sync import SyncToAsync
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware

from partyrooms import registry, usercode
from partyrooms.api.lobby import main_hook, main_lobby
from partyrooms.conf import get_settings
from partyrooms.core.paths import MAIN_PARTY
from partyrooms.databases import thread_in_use
from partyrooms.delivery.responses import Refusal
from partyrooms.delivery.surroundings import note_surroundings, within
from partyrooms.exceptions import Reject, SocketClosed
from partyrooms.ports.sockets import Closing
from partyrooms.runtime.threads import HookThreads, take_lane
from partyrooms.web.http.acceptance import Acceptance
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.policy import load_user
from partyrooms.web.sockets.consumer import Receive
from partyrooms.web.sockets.denial import Send, deny, not_found, too_late
from partyrooms.web.sockets.examination import GetResponse, examine_outside
from partyrooms.web.sockets.handshake import Handshake, accept_headers
from partyrooms.web.sockets.limits import Limits
from partyrooms.web.sockets.lobby_socket import Headers, LobbySocket

logger = logging.getLogger("partyrooms.lobby")

FAREWELL_TIME = 5.0
"""Seconds that a hook is given to end when its client has left, before it is cancelled.
"""

FAILED = (1011, "internal error")

SOCKET_THREADS = 200
"""How many sockets hooks that are plain functions serve at the same time."""

_hooks: set["asyncio.Task[Any]"] = set()
"""Those that run; one that hangs in a thread may outlive its socket."""


@dataclass(slots=True)
class LobbyAdmission:
    """
    A client whose handshake passed, before anybody has answered it.

    Attributes:
        request: The handshake after ``MIDDLEWARE``.
        headers: For ``websocket.accept``: cookies and the project's own headers.
        deadline: The event loop's time by which the handshake must be answered.
    """

    request: HandshakeRequest
    headers: Headers
    deadline: float


class LobbySockets:
    """The ASGI application of WebSockets that lead to no room: the hook, or 404."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket."""
        if main_hook("on_socket") is None:
            await receive()
            await deny(scope, send, not_found())
        else:
            await self._handshake(scope, receive, send)

    @cached_property
    def _handshake(self) -> "LobbyHandshake":
        return LobbyHandshake(serve)


class LobbyHandshake(Handshake):
    """The handshake of a WebSocket whose path no URL needs to match."""

    last_middleware = f"{__name__}.lobby_examination"

    def admit(
        self, request: HandshakeRequest, response: Acceptance, deadline: float
    ) -> LobbyAdmission:
        """Describe a client that passed, for ``serve``."""
        return LobbyAdmission(request, accept_headers(response), deadline)


@async_only_middleware
def lobby_examination(get_response: GetResponse) -> GetResponse:
    """The middleware that accepts or denies, where rooms have a view."""

    async def judge(request: HandshakeRequest) -> HttpResponseBase:
        denial = await examine_outside(request, registry.get(MAIN_PARTY))
        if denial is not None:
            return denial
        request.user_id = await load_user(request)
        note_surroundings(request)
        return Acceptance()

    return judge


async def serve(scope: Any, receive: Receive, send: Send) -> None:
    """
    Run the hook with one socket, until both have ended.

    When the client has left, ``receive()`` and ``send()`` raise in the hook, which may
    then end by itself; a hook that goes on is cancelled.
    """
    admission: LobbyAdmission = scope.pop("partyrooms")
    work = partial(_serve, admission, scope, receive, send)
    await within(admission.request, work)


async def _serve(
    admission: LobbyAdmission, scope: Any, receive: Receive, send: Send
) -> None:
    hook = main_hook("on_socket")
    assert hook is not None  # classes do not go away
    loop = asyncio.get_running_loop()
    socket = LobbySocket(
        admission.request,
        headers=admission.headers,
        limits=Limits(registry.get(MAIN_PARTY), get_settings(), loop.time),
        send=send,
    )
    running = loop.create_task(_run(hook, socket))
    _hooks.add(running)
    running.add_done_callback(_hooks.discard)
    reading = loop.create_task(socket.keep_reading(receive))
    try:
        await _watch(socket, running, reading, admission.deadline)
        await _conclude(socket, running, scope, send)
    finally:
        running.cancel()
        reading.cancel()
    if reading.done() and not reading.cancelled():
        reading.result()  # the server could not send a code: see ``LobbySocket``


async def _run(hook: Callable[..., Any], socket: LobbySocket) -> None:
    """Call the hook: a plain function in a thread, the ORM in one for this task."""
    await take_lane(_lanes())
    await usercode.call(hook, socket, main_lobby(), in_thread=_in_thread)


@cache
def _lanes() -> HookThreads:
    return HookThreads(get_settings().hook_timeout, time.monotonic)


@cache
def _threads() -> Any:
    return ThreadPoolExecutor(SOCKET_THREADS, "partyrooms-socket")


def _in_thread(hook: Callable[..., Any]) -> usercode.Hook:
    def run(*args: Any) -> Any:
        with thread_in_use():
            return hook(*args)

    return SyncToAsync(run, thread_sensitive=False, executor=_threads())


async def _watch(
    socket: LobbySocket,
    running: "asyncio.Task[Any]",
    reading: "asyncio.Task[None]",
    deadline: float,
) -> None:
    """Wait for the hook's end, or until there is no reason to wait for it."""
    loop = asyncio.get_running_loop()
    answered = loop.create_task(socket.answered.wait())
    try:
        await asyncio.wait(
            {running, answered, reading},
            timeout=deadline - loop.time(),
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        answered.cancel()
    if not socket.is_accepted and not reading.done():
        return  # the hook has ended, or is too late with its answer
    await asyncio.wait({running, reading}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await asyncio.wait({running}, timeout=FAREWELL_TIME)


async def _conclude(
    socket: LobbySocket, running: "asyncio.Task[Any]", scope: Any, send: Send
) -> None:
    """Answer or close what the hook has left open."""
    if not running.done():
        if socket.close_code is None:
            await _deny_late(socket, scope, send)
        return
    closing = _closing_of(socket, running)
    if closing is None and not socket.is_accepted:
        if socket.close_code is None:
            await deny(scope, send, not_found())
        return
    await socket.shut(closing or (1000, ""))


async def _deny_late(socket: LobbySocket, scope: Any, send: Send) -> None:
    logger.warning(
        "on_socket has not answered the handshake for %r within CONNECT_TIMEOUT",
        socket.request.path[:300],
        extra={"action": "handshake_timeout"},
    )
    await deny(scope, send, too_late("The handshake took too long; come back later."))


def _closing_of(socket: LobbySocket, running: "asyncio.Task[Any]") -> Closing | None:
    """What the hook's end means for its socket; None: nothing in particular."""
    if running.cancelled():
        return FAILED
    error = running.exception()
    if error is None:
        return None
    if isinstance(error, SocketClosed) and socket.close_code is not None:
        return None  # it was told so
    if isinstance(error, Reject):
        refusal = Refusal.of(error)
        return refusal.close_code, refusal.close_reason
    logger.error(
        "on_socket failed for %r; its client is closed with 1011",
        socket.request.path[:300],
        exc_info=error,
        extra={"action": "on_socket_failed"},
    )
    return FAILED
