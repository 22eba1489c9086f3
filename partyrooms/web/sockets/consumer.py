"""The consumer: one for each socket, reading frames into its room's mailbox."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import AsyncConsumer

from partyrooms import registry
from partyrooms.core.frames import Profile
from partyrooms.delivery.attachment import Attachment
from partyrooms.delivery.auto_response import answers_of
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.exceptions import ConnectionTrouble, TooSlow
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.server.node import GOING_AWAY, Node
from partyrooms.server.start import current_node
from partyrooms.server.uvicorn_keepalive import Reading, sparing
from partyrooms.server.websocket_direct import shorter_way
from partyrooms.web.sockets.denial import (
    Send,
    accept_and_close,
    deny,
    say_goodbye,
    too_late,
)
from partyrooms.web.sockets.ending import ending_of, tells_reasons
from partyrooms.web.sockets.handshake import Admission
from partyrooms.web.sockets.limits import Limits

logger = logging.getLogger("partyrooms.sockets")

LOCKED = (4423, "this room is locked")
"""What a newcomer to a locked room is closed with."""

LAST_WORDS = 20.0
"""Seconds that a client which does not read is given to take its close frame."""

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Gateway(AsyncConsumer):
    """
    Serves one admitted socket (``scope["partyrooms"]``) until it ends.

    It has a loop of its own instead of ``AsyncConsumer``'s dispatch, which costs four
    to five times as much per message and lets one slow query stall every socket.
    """

    _patience: asyncio.Timeout
    _socket: LocalSocket
    _attachment: Attachment
    _refusal: Exception | None = None
    _is_over = False

    async def __call__(
        self, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Attach the socket to its room, read until it ends, and report the end."""
        admission: Admission = scope.pop("partyrooms")
        node = current_node()
        if node.is_leaving:
            await _deny(scope, send)
            return
        if await node.locks.has(admission.key):
            headers, subprotocol = admission.headers, admission.subprotocol
            await accept_and_close(scope, send, *LOCKED, headers, subprotocol)
            return
        self._prepare(node, admission, scope, send)
        try:
            async with self._patience:
                await self._attach(admission)
                del admission  # and with it the request of the handshake
                with sparing(receive, self._reading):
                    await self._read(receive, has_reasons=tells_reasons(scope))
                await self._socket.flush()
        except TimeoutError:
            await self._give_up(scope, send)
        except asyncio.CancelledError:
            # hypercorn tells its workers of their end in no other way.
            socket = self._socket
            if socket.is_accepted and socket.closing is None and not socket.is_gone:
                await say_goodbye(send, GOING_AWAY)
            raise
        finally:
            self._is_over = True
            # However this ends, also by cancelling, on_close is called.
            self._attachment.leave((1006, ""), was_clean=False)

    def answered(self) -> None:
        """The handshake was accepted: from now on the socket may be idle for ever."""
        self._allow_until(None)

    def overflowed(self) -> None:
        """The client reads too slowly."""
        self._cut_off(TooSlow())

    def ending(self) -> None:
        """The socket is being closed: from now on ``LAST_WORDS`` counts."""
        if self._patience.when() is None:
            self._allow_until(asyncio.get_running_loop().time() + LAST_WORDS)

    def refused(self, error: Exception) -> None:
        """Stop reading at once: the server can close the socket in its own way only."""
        self._refusal = error
        self._allow_until(asyncio.get_running_loop().time())

    def _prepare(
        self, node: Node, admission: Admission, scope: dict[str, Any], send: Send
    ) -> None:
        key = self._key = admission.key
        self._patience = asyncio.timeout_at(admission.deadline)
        self._reading = Reading(asyncio.get_running_loop().time)
        room_class = registry.get(key.party)
        self._limits = Limits(room_class, node.settings, node.clock)
        self._answers = answers_of(room_class)
        self._attachment = Attachment(
            node,
            key,
            Profile(
                id=admission.connection_id,
                uri=admission.uri,
                user_id=admission.user_id,
            ),
            observer=self,
            send=send,
            wire=shorter_way(scope, send),
            accept_event={
                "type": "websocket.accept",
                "subprotocol": admission.subprotocol,
                "headers": admission.headers,
            },
        )
        self._inbox, self._socket = self._attachment.inbox, self._attachment.socket

    async def _attach(self, admission: Admission) -> None:
        await self._inbox.space()
        context = ConnectionContext(admission.request, admission.props)
        self._attachment.connect(context)

    async def _read(self, receive: Receive, *, has_reasons: bool) -> None:
        socket, inbox = self._socket, self._inbox
        harmless, answers = self._limits.harmless, self._answers
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                closing, was_clean = ending_of(event, has_reasons)
                self._attachment.report(closing, was_clean)
                return
            if socket.closing is not None or socket.is_gone:
                continue
            text = event.get("text")
            payload = event["bytes"] if text is None else text
            if answers and (answer := answers.get(payload)) is not None:
                socket.send(answer)
                continue
            if len(payload) > harmless:
                trouble = self._limits.trouble_with(payload)
                if trouble is not None:
                    self._cut_off(trouble)
                    continue
            if inbox.message(socket, payload):
                self._reading.stop()
                await inbox.space(socket)
                self._reading.go_on()

    def _cut_off(self, trouble: ConnectionTrouble) -> None:
        """Close a socket that broke a limit; ``on_error`` gets the reason."""
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
        self._attachment.cut_off(trouble)

    def _allow_until(self, time: float | None) -> None:
        # Its time may be up already, though it has not noticed yet.
        if not self._is_over and not self._patience.expired():
            self._patience.reschedule(time)

    async def _give_up(self, scope: dict[str, Any], send: Send) -> None:
        """End a socket whose time is up."""
        if self._refusal is not None:
            # Daphne closes with 1011 the socket of a consumer that raises.
            raise self._refusal from None
        if self._socket.is_accepted:
            return  # The client did not take its close frame in time.
        self._socket.leave()
        logger.warning(
            "Denied a handshake to %s with 503: the room did not answer within "
            "CONNECT_TIMEOUT",
            self._key,
            extra={"action": "handshake_timeout", "room": str(self._key)},
        )
        await _deny(scope, send)


async def _deny(scope: dict[str, Any], send: Send) -> None:
    detail = "The room did not answer in time; come back later."
    await deny(scope, send, too_late(detail))
