"""The consumer: one for each socket, reading frames into its room's mailbox."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from channels.consumer import AsyncConsumer
from django.http import JsonResponse

from partyrooms import registry
from partyrooms.core.frames import Profile, payload_size
from partyrooms.core.rates import Rate
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.exceptions import (
    ConnectionTrouble,
    MessageTooBig,
    RateExceeded,
    TooSlow,
)
from partyrooms.ports.rooms import RoomInbox
from partyrooms.ports.sockets import Closing, ConnectionContext
from partyrooms.server.start import current_node
from partyrooms.web.sockets.denial import deny
from partyrooms.web.sockets.handshake import Admission

logger = logging.getLogger("partyrooms.sockets")

LAST_WORDS = 20.0
"""Seconds that a client which does not read is given to take its close frame."""

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Gateway(AsyncConsumer):
    """
    Serves one admitted socket (``scope["partyrooms"]``) until it ends.

    It has a loop of its own instead of ``AsyncConsumer``'s dispatch, which costs four
    to five times as much per message and lets one slow query stall every socket.
    """

    async def __call__(
        self, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Attach the socket to its room, read until it ends, and report the end."""
        admission: Admission = scope.pop("partyrooms")
        room_class = registry.get(admission.key.party)
        node = current_node()
        settings = node.settings
        self._key = admission.key
        if node.is_leaving:
            await deny(scope, send, _too_late())
            return
        self._inbox: RoomInbox = node.cluster.inbox(admission.key)
        self._clock = node.clock
        self._max_size = room_class.max_message_size or settings.max_message_size
        rate = room_class.message_rate or settings.message_rate
        self._bucket = Rate.parse(rate).bucket() if rate else None
        self._attached = self._reported = self._is_over = False
        self._refusal: Exception | None = None
        self._patience = asyncio.timeout_at(admission.deadline)
        self._socket = socket = LocalSocket(
            Profile(
                id=admission.connection_id,
                uri=admission.uri,
                user_id=admission.user_id,
            ),
            observer=self,
            audience=node.cluster.local_audience(admission.key),
            send=send,
            accept_event={
                "type": "websocket.accept",
                "subprotocol": admission.subprotocol,
                "headers": admission.headers,
            },
            max_queued=settings.max_queued_bytes,
        )
        node.cluster.attach(socket)
        node.sockets.add(socket)
        try:
            async with self._patience:
                await self._attach(admission)
                del admission  # and with it the request of the handshake
                await self._read(receive, has_reasons=tells_reasons(scope))
                await socket.flush()
        except TimeoutError:
            if self._refusal is not None:
                # Daphne closes with 1011 the socket of a consumer that raises.
                raise self._refusal from None
            # After an answer: the client did not take its close frame in time.
            if not socket.is_accepted:
                await self._give_up(scope, send)
        finally:
            self._is_over = True
            # Whatever ends this, a cancelled task included, the room hears of it.
            self._report((1006, ""), was_clean=False)
            socket.leave()
            socket.stop()

    def answered(self) -> None:
        """The handshake was accepted: from now on the socket may be idle for ever."""
        self._allow_until(None)

    def overflowed(self) -> None:
        """The client reads too slowly."""
        self._cut_off(TooSlow())

    def ending(self) -> None:
        """The socket is being closed, or has been: what is left has little time."""
        if self._patience.when() is None:
            self._allow_until(asyncio.get_running_loop().time() + LAST_WORDS)

    def refused(self, error: Exception) -> None:
        """Stop reading at once: the server can close the socket in its own way only."""
        self._refusal = error
        self._allow_until(asyncio.get_running_loop().time())

    async def _give_up(self, scope: dict[str, Any], send: Send) -> None:
        """Deny a handshake that its room did not answer in time."""
        self._socket.leave()
        logger.warning(
            "Denied a handshake to %s with 503: the room did not answer within "
            "CONNECT_TIMEOUT",
            self._key,
            extra={"action": "handshake_timeout", "room": str(self._key)},
        )
        await deny(scope, send, _too_late())

    def _allow_until(self, time: float | None) -> None:
        # Its time may be up already, though it has not noticed yet.
        if not self._is_over and not self._patience.expired():
            self._patience.reschedule(time)

    async def _attach(self, admission: Admission) -> None:
        await self._inbox.space()
        request = admission.request
        props = getattr(request, "props", {})
        self._attached = True
        self._inbox.connect(self._socket, ConnectionContext(request, props))

    async def _read(self, receive: Receive, *, has_reasons: bool) -> None:
        socket, inbox = self._socket, self._inbox
        # No character takes more than four bytes: most frames need no closer look.
        harmless = self._max_size // 4 if self._bucket is None else -1
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                closing, was_clean = ending_of(event, has_reasons)
                self._report(closing, was_clean)
                return
            if socket.closing is not None or socket.is_gone:
                continue
            text = event.get("text")
            payload = event["bytes"] if text is None else text
            if len(payload) > harmless:
                trouble = self._trouble_with(payload)
                if trouble is not None:
                    self._cut_off(trouble)
                    continue
            if inbox.message(socket, payload):
                await inbox.space()

    def _trouble_with(self, payload: str | bytes) -> ConnectionTrouble | None:
        size = payload_size(payload)
        if size > self._max_size:
            return MessageTooBig(f"{size} bytes; allowed are {self._max_size}")
        if self._bucket is not None and not self._bucket.take(self._clock()):
            return RateExceeded()
        return None

    def _cut_off(self, trouble: ConnectionTrouble) -> None:
        """Close a socket that is in trouble, and let the room know why."""
        socket = self._socket
        logger.warning(
            "A connection to %s is closed with %d: %s",
            self._key,
            trouble.close_code,
            trouble,
            extra={
                "action": "connection_trouble",
                "room": str(self._key),
                "code": trouble.close_code,
            },
        )
        closing = (trouble.close_code, trouble.reason)
        if isinstance(trouble, TooSlow):
            socket.cut_off(closing)
        else:
            socket.close(closing)
        self._inbox.trouble(socket, trouble)
        self._report(closing, was_clean=False)

    def _report(self, closing: Closing, was_clean: bool) -> None:
        """Tell the room of the socket's end, once, unless it does not want to hear."""
        if self._reported or not self._attached:
            return
        self._reported = True
        socket = self._socket
        if not socket.is_dropped:
            self._inbox.closed(socket, socket.closing or closing, was_clean)


def tells_reasons(scope: Mapping[str, Any]) -> bool:
    """Whether close frames come with their reason (ASGI WebSocket spec, from 2.3)."""
    version = str((scope.get("asgi") or {}).get("spec_version", "2.0"))
    return tuple(map(int, version.split("."))) >= (2, 3)


def ending_of(event: dict[str, Any], has_reasons: bool) -> tuple[Closing, bool]:
    """How a socket ended: its close code and reason, and whether by a close frame."""
    code = event.get("code") or 1005
    # uvicorn says 1005 also of a connection that broke; only a frame has a reason.
    if code == 1006 or (code == 1005 and has_reasons and "reason" not in event):
        return (1006, ""), False
    return (code, event.get("reason") or ""), True


def _too_late() -> JsonResponse:
    detail = "The room did not answer in time; come back later."
    return JsonResponse({"detail": detail}, status=503, headers={"Retry-After": "1"})
