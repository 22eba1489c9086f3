"""The WebSocket that ``on_socket`` is given: it came no further than the lobby."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from partyrooms.core.frames import json_message, payload_size
from partyrooms.core.rates import TokenBucket
from partyrooms.core.validation import as_closing, as_payload
from partyrooms.exceptions import (
    ConnectionTrouble,
    MessageTooBig,
    RateExceeded,
    SocketClosed,
)
from partyrooms.ports.sockets import Closing
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.sockets.consumer import Receive, Send, ending_of, tells_reasons
from partyrooms.web.sockets.denial import cut_reason

logger = logging.getLogger("partyrooms.lobby")

MAX_UNREAD = 64 * 1024
"""Bytes of messages kept for a hook that does not read; then the client has to wait."""

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What a client may send.

    Attributes:
        size: Bytes of one message.
        bucket: Of messages; None: as many as it likes.
    """

    size: int
    bucket: TokenBucket | None


class LobbySocket:
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
        clock: Callable[[], float],
    ) -> None:
        self.request = request
        self.subprotocols: list[str] = list(request.scope.get("subprotocols") or ())
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.is_accepted = False
        self.answered = asyncio.Event()
        self._headers = headers
        self._limits = limits
        self._send = send
        self._clock = clock
        self._messages: deque[str | bytes] = deque()
        self._unread = 0
        self._news = asyncio.Event()
        self._space = asyncio.Event()

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
        self._require_open()
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
        while not self._messages:
            self._require_open()
            self._news.clear()
            await self._news.wait()
        message = self._messages.popleft()
        self._unread -= payload_size(message)
        self._space.set()
        return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        """The next message; the end of the socket ends the iteration."""
        try:
            return await self.receive()
        except SocketClosed:
            raise StopAsyncIteration from None

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
        self._require_open()
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
        if self.close_code is not None:
            return
        code, reason = closing
        with suppress(SocketClosed):
            if not self.is_accepted:
                await self.accept()
            self._end(closing)
            await self._put(
                {"type": "websocket.close", "code": code, "reason": cut_reason(reason)}
            )

    async def keep_reading(self, receive: Receive) -> None:
        """Read what the client sends, until it has left."""
        has_reasons = tells_reasons(self.request.scope)
        while True:
            while self.close_code is None and self._unread >= MAX_UNREAD:
                self._space.clear()
                await self._space.wait()
            event = await receive()
            if event["type"] == "websocket.disconnect":
                closing, _ = ending_of(event, has_reasons)
                self._end(closing)
                return
            if self.close_code is None:
                await self._take(event)

    async def _take(self, event: dict[str, Any]) -> None:
        text = event.get("text")
        message: str | bytes = event["bytes"] if text is None else text
        size = payload_size(message)
        trouble = self._trouble_with(size)
        if trouble is None:
            self._unread += size
            self._messages.append(message)
            self._news.set()
            return
        logger.warning(
            "The socket at %r is closed with %d: %s",
            self.request.path[:300],
            trouble.close_code,
            trouble,
            extra={"action": "connection_trouble", "code": trouble.close_code},
        )
        await self.shut((trouble.close_code, trouble.reason))

    def _trouble_with(self, size: int) -> ConnectionTrouble | None:
        bucket = self._limits.bucket
        if size > self._limits.size:
            return MessageTooBig(f"{size} bytes; allowed are {self._limits.size}")
        if bucket is not None and not bucket.take(self._clock()):
            return RateExceeded()
        return None

    def _require_accepted(self, method: str) -> None:
        if not self.is_accepted:
            raise RuntimeError(f"await socket.accept() before socket.{method}().")

    def _require_open(self) -> None:
        if self.close_code is not None:
            raise SocketClosed(self.close_code, self.close_reason or "")

    def _end(self, closing: Closing) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = closing
        self._news.set()
        self._space.set()

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
            self._end((1006, ""))
            raise SocketClosed(1006) from error
