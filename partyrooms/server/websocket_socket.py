"""One client's WebSocket, from its handshake to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from partyrooms.server.websocket_direct import Sink
from partyrooms.server.websocket_frames import (
    EMPTY_CLOSE,
    INTERNAL_ERROR,
    LOST,
    NO_CODE,
    PONG,
    SERVICE_RESTART,
    encode,
    encode_close,
    encode_frame,
)
from partyrooms.server.websocket_inbox import Inbox, Wakeup
from partyrooms.server.websocket_keepalive import KeepAlive
from partyrooms.server.websocket_parser import READ_SIZE, Parser

CLOSE_TIMEOUT = 10.0
"""Seconds from a close frame to the end of the connection, whatever the client does."""

# Where what nobody reads any more goes; all sockets share it.
_SCRAP = memoryview(bytearray(READ_SIZE))


def _drop(message: str | bytes) -> None:
    """What a client says behind the end."""


class Socket(asyncio.BufferedProtocol):
    """
    A ``DirectSocket``. Once open, it is the transport's protocol as well.

    Args:
        transport: Carries the WebSocket.
        max_size: Bytes of a message; a longer one ends the socket with 1009.
        max_messages: How many may wait for ``receive()``.
        ping_interval: See ``KeepAlive``.
        ping_timeout: The same.
        on_open: Called when this becomes the transport's protocol.
        on_lost: Called when the connection is gone after that.
    """

    __slots__ = (
        *("is_open", "is_paused", "is_gone", "is_reading", "drained", "inbox"),
        *("sender", "reading_since"),
        *("_transport", "_max_size", "_on_open", "_on_lost", "_keepalive", "_sink"),
        *("_parser", "_early", "_pong", "_timer"),
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        max_size: int,
        max_messages: int,
        ping_interval: float | None,
        ping_timeout: float | None,
        on_open: Callable[["Socket"], None],
        on_lost: Callable[["Socket"], None],
    ) -> None:
        self.sender: Callable[[Any], Awaitable[None]] | None = None
        self.is_open = False
        self.is_paused = False
        self.is_gone = False
        self.is_reading = True
        self.reading_since = 0.0
        self.drained = Wakeup()
        self.inbox = Inbox(self, max_messages)
        self._transport = transport
        self._max_size = max_size
        self._on_open = on_open
        self._on_lost = on_lost
        self._keepalive = KeepAlive(
            self,
            interval=ping_interval,
            timeout=ping_timeout,
            on_timeout=self._unanswered,
        )
        self._sink: Sink = self.inbox
        self._parser: Parser | None = None
        self._early = b""
        self._pong: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None

    # What a DirectSocket does.

    @property
    def queued(self) -> int:
        return self._transport.get_write_buffer_size()

    def attach(self, sink: Sink) -> None:
        self._sink = sink
        if self._parser is not None and self.is_open:
            self._parser.deliver = sink.message_received
        for message in self.inbox.take_messages():
            sink.message_received(message)
        if self.is_paused:
            sink.paused()

    encode = staticmethod(encode)

    def write(self, frame: bytes) -> None:
        if self.is_open:
            self._transport.write(frame)

    def close(self, code: int = 1000, reason: str = "") -> None:
        frame = encode_close(code, reason)
        if self.is_open:
            self._say_last(frame)
            self.inbox.end(code, reason)
            # The client's close frame is behind what it has sent before.
            self.resume_reading()

    def pause_reading(self) -> None:
        if self.is_reading and not self._transport.is_closing():
            self.is_reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_reading:
            self.is_reading = True
            self.reading_since = asyncio.get_running_loop().time()
            if not self._transport.is_closing():
                self._transport.resume_reading()

    # The handshake.

    def came_early(self, data: bytes) -> None:
        """Keep what a client sends before the answer, and read no more of it."""
        self._early += data
        self.pause_reading()

    def open(self, acceptance: bytes) -> None:
        """Send the response that opens the WebSocket."""
        if self.is_gone or self._transport.is_closing():
            self.is_gone = True
            return
        self.is_open = True
        self._transport.write(acceptance)
        self._parser = Parser(self, self._sink.message_received, self._max_size)
        self._transport.set_protocol(self)
        self._on_open(self)
        self._keepalive.start()
        early, self._early = self._early, b""
        self.resume_reading()
        if early:
            self._parser.feed(early)
            self._judge(self._parser)

    def refuse(self, response: bytes) -> None:
        """Send a response that ends the connection instead."""
        self.inbox.end(LOST, "")
        if not self._transport.is_closing():
            self._transport.write(response)
            self.leave()

    # What the transport tells.

    def get_buffer(self, sizehint: int) -> Any:
        if self._parser is None:
            return _SCRAP
        buffer = self._parser.get_buffer(sizehint)
        return buffer if len(buffer) <= READ_SIZE else buffer[:READ_SIZE]

    def buffer_updated(self, nbytes: int) -> None:
        parser = self._parser
        if parser is not None:
            parser.buffer_updated(nbytes)
            if parser.violation is not None:
                self._judge(parser)

    def eof_received(self) -> None:
        # Half a WebSocket is none: the transport closes itself.
        pass

    def pause_writing(self) -> None:
        self.is_paused = True
        self._sink.paused()

    def resume_writing(self) -> None:
        self.is_paused = False
        if self._pong is not None:
            self.write(encode_frame(PONG, self._pong))
            self._pong = None
        self.drained.wake()
        self._sink.resumed()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost()
        self._on_lost(self)

    def shutdown(self) -> None:
        """Close the socket, for the server stops."""
        if self.is_open:
            self._fail(SERVICE_RESTART, "")
        else:
            # Its close frame is written; the answer is not waited for.
            self._transport.close()

    # What the client says.

    def ping_received(self, payload: bytes) -> None:
        if self.is_paused:
            # RFC 6455, 5.5.3: the latest ping may be answered for all before it. So a
            # client that pings and does not read fills no memory.
            self._pong = payload
        else:
            self.write(encode_frame(PONG, payload))

    def pong_received(self, payload: bytes) -> None:
        self._keepalive.pong_received(payload)

    def close_received(self, code: int, reason: str) -> None:
        if self.is_open:
            self.is_gone = True
            self.inbox.end(code, reason)
            is_empty = code == NO_CODE
            self._say_last(EMPTY_CLOSE if is_empty else encode_close(code, reason))
        self._transport.close()

    # The end.

    def leave(self) -> None:
        """End the connection, unless it ends already."""
        if self._timer is None and not self._transport.is_closing():
            self.is_open = False
            self._limit()
            self._transport.close()

    def lost(self) -> None:
        """Nothing reaches the client any more."""
        self.is_open = False
        self.is_gone = True
        self._keepalive.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._drop_parser()
        self.inbox.end(LOST, "")
        if self.is_paused:
            # The transport does not say it.
            self.resume_writing()

    def _judge(self, parser: Parser) -> None:
        violation = parser.violation
        if violation is not None:
            if self.is_open:
                self._fail(violation.code, violation.reason)
            self._drop_parser()

    def _unanswered(self) -> None:
        self._fail(INTERNAL_ERROR, "keepalive ping timeout")

    def _fail(self, code: int, reason: str) -> None:
        """Close from this side, and wait for nothing that the client may still say."""
        self.is_gone = True
        self.inbox.end(code, reason)
        self._say_last(encode_close(code, reason))
        self._drop_parser()
        self.resume_reading()
        # Closed at once, a connection with something unread is reset, and the client
        # may never see the close frame. So it is read, and thrown away, to its end.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _say_last(self, close_frame: bytes) -> None:
        self._transport.write(close_frame)
        self.is_open = False
        if self._parser is not None:
            self._parser.deliver = _drop
        self._keepalive.stop()
        self._limit()

    def _limit(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(CLOSE_TIMEOUT, self._transport.abort)

    def _drop_parser(self) -> None:
        if self._parser is not None:
            self._parser.release()
            self._parser = None
