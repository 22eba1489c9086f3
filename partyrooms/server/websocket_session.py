"""An ASGI application's side of one WebSocket: run, ``receive()`` and ``send()``."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.utils import (
    ClientDisconnected,
    get_client_addr,
    get_path_with_query_string,
)

from partyrooms.server.websocket_frames import encode
from partyrooms.server.websocket_handshake import acceptance, response
from partyrooms.server.websocket_inbox import Event
from partyrooms.server.websocket_socket import Socket

logger = logging.getLogger("uvicorn.error")

Application = Callable[[Any, Any, Any], Awaitable[object]]
Headers = Iterable[tuple[bytes, bytes]]


class State(Enum):
    """How far the application is; the client may be gone in any of them."""

    CONNECTING = "the handshake has no answer"
    DENYING = "websocket.http.response.start"
    OPEN = "websocket.accept"
    CLOSED = "websocket.close, or the whole response"


ALLOWED = {
    State.CONNECTING: (
        *("websocket.accept", "websocket.close"),
        "websocket.http.response.start",
    ),
    State.DENYING: ("websocket.http.response.body",),
    State.OPEN: ("websocket.send", "websocket.close"),
    State.CLOSED: (),
}
"""What an application may send after what."""


class Session:
    """
    Runs an application for one socket.

    Args:
        application: ASGI 3.
        scope: Of the WebSocket.
        socket: Its client's.
        key: The client's, for the answer.
        default_headers: What goes into every response.
    """

    __slots__ = (
        *("_application", "_scope", "_socket", "_key", "_default_headers"),
        *("_state", "_status", "_headers", "_body"),
    )

    def __init__(
        self,
        application: Application,
        scope: dict[str, Any],
        socket: Socket,
        *,
        key: bytes,
        default_headers: Headers,
    ) -> None:
        self._application = application
        self._scope = scope
        self._socket = socket
        self._key = key
        self._default_headers = default_headers
        self._state = State.CONNECTING
        self._status = 0
        self._headers: Headers = ()
        self._body = b""

    async def run(self) -> None:
        """Run the application to its end; then end the connection, if it is not."""
        send = self._socket.sender = self.send
        try:
            result = await self._application(self._scope, self._socket.inbox.get, send)
        except ClientDisconnected:
            pass
        except BaseException:
            # Also what stops the server: it waits for this task only.
            logger.exception("Exception in ASGI application\n")
        else:
            if self._state in (State.CONNECTING, State.DENYING):
                if not self._socket.is_gone:
                    logger.error("ASGI callable returned without completing handshake.")
            elif result is not None:
                logger.error(
                    "ASGI callable should return None, but returned '%s'.", result
                )
        if self._state in (State.CONNECTING, State.DENYING):
            self._socket.refuse(internal_server_error())
        self._socket.sender = None  # and with it a circle of references
        self._socket.leave()

    async def send(self, event: Event) -> None:
        """
        Take an event from the application; waits while its client does not keep up.

        Raises:
            ClientDisconnected: If nothing reaches the client any more.
            RuntimeError: If the event may not come here; see ``ALLOWED``.
            ValueError: If no close frame may carry its code or reason.
        """
        socket = self._socket
        while socket.is_paused:
            await socket.drained.next()
        kind = event["type"]
        if socket.is_open and kind == "websocket.send":
            payload = event.get("bytes")
            if payload is None:
                payload = event.get("text")
            if payload is not None:
                socket.write(encode(payload))
            return
        if socket.is_gone:
            raise ClientDisconnected
        allowed = ALLOWED[self._state]
        if kind not in allowed:
            expected = " or ".join(f"'{one}'" for one in allowed) or "nothing more"
            raise RuntimeError(
                f"Expected {expected} after {self._state.value}, but got '{kind}'."
            )
        self._act(kind, event)

    def _act(self, kind: str, event: Event) -> None:
        match kind:
            case "websocket.accept":
                self._accept(event)
            case "websocket.close" if self._state is State.OPEN:
                code = event.get("code", 1000)
                self._socket.close(code, event.get("reason") or "")
                self._state = State.CLOSED
            case "websocket.close":
                self._log(HTTPStatus.FORBIDDEN.value)
                self._deny(HTTPStatus.FORBIDDEN, (), b"")
            case "websocket.http.response.start":
                status, headers = event["status"], tuple(event.get("headers") or ())
                response(status, headers)  # raises now, not with the body
                self._log(status)
                self._status, self._headers = status, headers
                self._state = State.DENYING
            case "websocket.http.response.body":
                self._body += event.get("body", b"")
                if not event.get("more_body", False):
                    self._deny(self._status, self._headers, self._body)

    def _accept(self, event: Event) -> None:
        headers = [*self._default_headers, *(event.get("headers") or ())]
        answer = acceptance(self._key, event.get("subprotocol"), headers)
        self._log("[accepted]")
        self._state = State.OPEN
        self._socket.open(answer)

    def _deny(self, status: int, headers: Headers, body: bytes) -> None:
        self._state = State.CLOSED
        self._socket.refuse(response(status, headers, body))

    def _log(self, outcome: str | int) -> None:
        if logger.isEnabledFor(logging.INFO):
            scope: Any = self._scope
            logger.info(
                '%s - "WebSocket %s" %s',
                get_client_addr(scope),
                get_path_with_query_string(scope),
                outcome,
            )


def internal_server_error() -> bytes:
    """The response for a handshake that its application did not answer."""
    return response(HTTPStatus.INTERNAL_SERVER_ERROR, (), b"Internal Server Error")
