"""The WebSocket that ``on_socket`` is given: it leads to no room."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async

from partyrooms.core.validation import as_closing, as_payload
from partyrooms.databases import close_obsolete
from partyrooms.delivery.internals import has_parent_thread
from partyrooms.delivery.message_queue import SocketReader
from partyrooms.exceptions import SocketClosed
from partyrooms.json_text import json_message
from partyrooms.ports.sockets import Closing
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.sockets.consumer import Receive
from partyrooms.web.sockets.denial import Send, cut_reason
from partyrooms.web.sockets.ending import ending_of, tells_reasons
from partyrooms.web.sockets.limits import Limits

logger = logging.getLogger("partyrooms.lobby")

Headers = list[tuple[bytes, bytes]]

READING_TIME = 5.0
"""Seconds that a client with much unread is not read, if the hook reads nothing."""

MAX_BACKLOG = 1024 * 1024
"""Bytes of unread messages at which the client of such a hook is closed."""

NOT_READ: Closing = (1013, "messages are not read")


class LobbySocket(SocketReader):
    """
    A WebSocket that leads to no room, in the hands of the project's own code.

    ``accept()`` it first. ``async for message in socket`` ends when the socket is
    closed. ``send()`` waits for a client that reads slowly, and a client that sends
    faster than it is read waits as well.

    Attributes:
        request: The handshake as Django's ``HttpRequest``, after ``MIDDLEWARE``.
        subprotocols: What the client offers.
        close_code: What the socket was closed with; None: it is open.
        close_reason: The reason that came with the code.
    """

    def __init__(
        self,
        request: HandshakeRequest,
        *,
        headers: Headers,
        limits: Limits,
        send: Send,
    ) -> None:
        super().__init__()
        self.request = request
        self.subprotocols: list[str] = list(request.scope.get("subprotocols") or ())
        self.is_accepted = False
        self.answered = asyncio.Event()
        self._is_stalled = False
        self._headers = headers
        self._limits = limits
        self._send = send

    async def accept(self, subprotocol: str | None = None) -> None:
        """
        Answer the handshake.

        Args:
            subprotocol: One of those that the client offers; None: none.

        Raises:
            ValueError: If the client does not offer it, and would hang up.
            RuntimeError: If it is accepted already.
            SocketClosed: If the client has left.
        """
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise ValueError(
                f"The client offers {self.subprotocols}, not {subprotocol!r}."
            )
        if self.is_accepted:
            raise RuntimeError("This socket is accepted already.")
        self._queue.require_open()
        self.is_accepted = True
        self.answered.set()
        await self._put(
            {
                "type": "websocket.accept",
                "subprotocol": subprotocol,
                "headers": self._headers,
            }
        )

    async def receive(self) -> str | bytes:
        """
        The next message; safe to cancel.

        It comes from the client: check it.

        Raises:
            RuntimeError: If the socket is not accepted.
            SocketClosed: If there is none any more, with code and reason.
        """
        self._require_accepted("receive")
        if has_parent_thread():
            # A plain hook may wait here for days: it keeps no connection meanwhile.
            await sync_to_async(close_obsolete)()
        message = await self._queue.get()
        self._is_stalled = False
        return message

    async def send(self, message: str | bytes) -> None:
        """
        Send a message; returns when the server has taken it.

        Raises:
            TypeError: If it is neither ``str`` nor ``bytes``.
            RuntimeError: If the socket is not accepted.
            SocketClosed: If it is closed.
        """
        message = as_payload(message, "send")
        self._require_accepted("send")
        self._queue.require_open()
        kind = "text" if isinstance(message, str) else "bytes"
        await self._put({"type": "websocket.send", kind: message})

    async def send_json(self, value: Any) -> None:
        """Send a value as a JSON text."""
        await self.send(json_message(value))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the socket; twice is no error.

        One that is not accepted yet is accepted first, so that a browser sees the code.

        Raises:
            ValueError: If code or reason cannot be sent.
        """
        await self.shut(as_closing(code, reason))

    # What serves it

    async def shut(self, closing: Closing) -> None:
        """Close with any code that a frame may carry."""
        if self._queue.closing is not None:
            return
        code, reason = closing
        with suppress(SocketClosed):
            if not self.is_accepted:
                await self.accept()
            self._queue.close(closing)
            await self._put(
                {"type": "websocket.close", "code": code, "reason": cut_reason(reason)}
            )

    async def keep_reading(self, receive: Receive) -> None:
        """Read what the client sends, until it has left."""
        has_reasons = tells_reasons(self.request.scope)
        while True:
            await self._make_space()
            event = await receive()
            if event["type"] == "websocket.disconnect":
                closing, _ = ending_of(event, has_reasons)
                self._queue.close(closing)
                return
            if self._queue.closing is None:
                await self._take(event)

    async def _make_space(self) -> None:
        """
        Wait while much is unread, but not for ever for a hook that reads nothing.

        Only who reads on sees that the client has left.
        """
        queue = self._queue
        if self._is_stalled:
            if queue.unread >= MAX_BACKLOG:
                await self.shut(NOT_READ)
            return
        try:
            async with asyncio.timeout(READING_TIME):
                await queue.space()
        except TimeoutError:
            self._is_stalled = True

    async def _take(self, event: dict[str, Any]) -> None:
        text = event.get("text")
        message: str | bytes = event["bytes"] if text is None else text
        trouble = self._limits.trouble_with(message)
        if trouble is None:
            self._queue.put(message)
            return
        logger.warning(
            "The socket at %r is closed with %d: %s",
            self.request.path[:300],
            trouble.close_code,
            trouble,
            extra={"action": "connection_trouble", "code": trouble.close_code},
        )
        await self.shut((trouble.close_code, trouble.reason))

    def _require_accepted(self, method: str) -> None:
        if not self.is_accepted:
            raise RuntimeError(f"await socket.accept() before socket.{method}().")

    async def _put(self, event: dict[str, Any]) -> None:
        try:
            await self._send(event)
        except Exception as error:
            # Daphne raises a plain Exception for close codes that it does not send:
            # then only what ends here with an exception is closed, with 1011.
            is_gone = isinstance(error, OSError | RuntimeError)
            if event["type"] == "websocket.close" and not is_gone:
                raise
            # uvicorn raises an OSError once the client has left, Daphne its own error.
            self._queue.close((1006, ""))
            raise SocketClosed(1006) from error
