"""
Frames in, messages out. picows reads and unmasks the frames in C.

picows has no public way to read from a connection that somebody else has accepted, so
``WSProtocol`` is used, which it does not export. It is named here and nowhere else.
"""

import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Protocol

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from partyrooms.server.websocket_frames import (
    INTERNAL_ERROR,
    INVALID_TEXT,
    PROTOCOL_ERROR,
    TOO_BIG,
    Violation,
    decode_close,
)

logger = logging.getLogger("uvicorn.error")

TESTED = "2.3"
"""The series of picows with which ``WSProtocol`` was tested to do what is used here."""

if (_installed := version("picows")).rpartition(".")[0] != TESTED:
    raise ImportError(f"picows {_installed} is installed; {TESTED}.* was tested")

READ_SIZE = 1 << 16
"""Bytes that one read takes at most. picows doubles a buffer that a read has filled, up
to any size; so it is never filled by more than this, and a single frame."""

_FIRST_READ_SIZE = 2048  # bytes of a new buffer; picows takes no less

# Enums of Cython are made anew into these very members at each look.
_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
_CONTINUATION = WSMsgType.CONTINUATION
_PING, _PONG, _CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE


class Receiver(Protocol):
    """Who hears what a client says beside messages."""

    def ping_received(self, payload: bytes) -> None:
        """The client asks for a pong."""

    def pong_received(self, payload: bytes) -> None:
        """The client answers a ping, or says so unasked."""

    def close_received(self, code: int, reason: str) -> None:
        """The client's close frame; nothing follows that counts."""


class Parser(WSListener):
    """
    Reads frames from a buffer of its own and puts messages together.

    Ask ``get_buffer()`` where the next bytes go, fill in at most ``READ_SIZE``, and say
    ``buffer_updated()``: that calls the receiver and ``deliver``. Then look whether
    there is a ``violation``: after one, nothing more may be filled in.

    Args:
        receiver: Hears of all that comes before a violation.
        deliver: Called with each message; it may be set anew.
        max_size: Bytes that a message, of one frame or of several, may have.

    Attributes:
        violation: What the client did wrong, or None. It may be known while frames in
            front of it are still delivered.
    """

    __slots__ = (
        *("get_buffer", "buffer_updated", "deliver", "violation"),
        *("_receiver", "_max_size", "_parts", "_is_text", "_is_over"),
    )

    def __init__(
        self,
        receiver: Receiver,
        deliver: Callable[[str | bytes], None],
        max_size: int,
    ) -> None:
        self.deliver = deliver
        self.violation: Violation | None = None
        self._receiver = receiver
        self._max_size = max_size
        self._parts: bytearray | None = None
        self._is_text = False
        self._is_over = False
        reader = _reader(self, max_size)
        self.get_buffer = reader.get_buffer
        self.buffer_updated = reader.buffer_updated

    def feed(self, data: bytes) -> None:
        """Read bytes that came in some other way, up to the first violation."""
        rest = memoryview(data)
        while rest and self.violation is None:
            buffer = self.get_buffer(-1)
            size = min(len(buffer), len(rest), READ_SIZE)
            buffer[:size] = rest[:size]
            self.buffer_updated(size)
            rest = rest[size:]

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame; picows calls this for each."""
        if self._is_over:
            return
        try:
            if frame.rsv1 or frame.rsv2 or frame.rsv3:
                raise Violation(PROTOCOL_ERROR, "a reserved bit is set")
            opcode = frame.msg_type
            message: str | bytes | None
            if opcode is _TEXT and frame.fin and self._parts is None:
                # Nearly every frame; ``_message_of`` would do the same.
                message = frame.get_payload_as_utf8_text()
            else:
                message = self._message_of(opcode, frame)
                if message is None:
                    return
        except UnicodeDecodeError:
            self._stop(Violation(INVALID_TEXT, "text is not UTF-8"))
            return
        except Violation as violation:
            self._stop(violation)
            return
        try:
            self.deliver(message)
        except Exception:
            logger.exception("Exception in ASGI application\n")
            self._stop(Violation(INTERNAL_ERROR, ""))

    def release(self) -> None:
        """Let go of the buffer; nothing may be filled in any more."""
        del self.get_buffer, self.buffer_updated

    def _stop(self, violation: Violation) -> None:
        # What picows complains of comes behind this frame.
        self.violation = violation
        self._is_over = True

    def _message_of(self, opcode: WSMsgType, frame: WSFrame) -> str | bytes | None:
        """The message that a frame completes, if it does."""
        if opcode is _TEXT or opcode is _BINARY:
            if self._parts is not None:
                raise Violation(PROTOCOL_ERROR, "a message begins inside another one")
            self._is_text = opcode is _TEXT
            # Not a list of parts: a million empty ones would take memory.
            self._parts = bytearray()
            return self._more(self._parts, frame)
        if opcode is _CONTINUATION:
            if self._parts is None:
                raise Violation(PROTOCOL_ERROR, "a continuation of no message")
            return self._more(self._parts, frame)
        self._control(opcode, frame.get_payload_as_bytes())
        return None

    def _more(self, parts: bytearray, frame: WSFrame) -> str | bytes | None:
        if len(parts) + frame.payload_size > self._max_size:
            raise Violation(TOO_BIG, f"message of more than {self._max_size} bytes")
        parts += frame.get_payload_as_memoryview()
        if not frame.fin:
            return None
        self._parts = None
        return parts.decode() if self._is_text else bytes(parts)

    def _control(self, opcode: WSMsgType, payload: bytes) -> None:
        if opcode is _PING:
            self._receiver.ping_received(payload)
        elif opcode is _PONG:
            self._receiver.pong_received(payload)
        else:
            self._receiver.close_received(*decode_close(payload))


class _Wire:
    """What picows takes for a transport: it only hears what picows would write."""

    __slots__ = ("_is_open", "_parser")

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._is_open = False

    def opened(self) -> None:
        """The handshake is over: from now on picows writes only to complain."""
        self._is_open = True

    def get_extra_info(self, name: str) -> Any:
        """Name a socket that is none, and TLS, so that picows writes to this object."""
        return {"socket": self, "ssl_object": self}.get(name)

    def write(self, data: bytes) -> None:
        """Take picows' answer to the handshake, then its close frames."""
        if self._is_open and self._parser.violation is None:
            code = int.from_bytes(data[2:4], "big")
            self._parser.violation = Violation(code, data[4:].decode())

    def get_write_buffer_size(self) -> int:
        """Nothing waits here."""
        return 0

    def fileno(self) -> int:
        """As a socket: none."""
        return -1

    def setsockopt(self, *option: int) -> None:
        """As a socket: no option matters."""

    def getsockopt(self, *option: int) -> int:
        """As a socket: for picows' log line."""
        return 0

    def close(self) -> None:
        """Whoever reads the verdict closes the connection."""

    abort = close


class _Log:
    """Where picows says what clients do; what is wrong here is an error."""

    exception = logger.exception

    def isEnabledFor(self, level: int) -> bool:
        return False

    def log(self, *args: object) -> None:
        """Drop it."""

    debug = info = warning = error = log


_LOG = _Log()
_ANSWER = WSUpgradeResponse.create_101_response()
# The client's own handshake was read by the server already.
_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def _reader(parser: Parser, max_size: int) -> Any:
    """Make what reads frames in C; it is behind its handshake."""
    wire = _Wire(parser)
    answer = WSUpgradeResponseWithListener(_ANSWER, parser)
    reader = WSProtocol(
        None,  # host and port, of a client only
        None,  # path, the same
        False,  # is no client
        lambda request: answer,
        _LOG,
        True,  # an exception in the receiver ends the connection
        None,  # no handshake time-out
        False,  # no pings of its own, and so no times for them
        *(None, None, 1),
        False,  # no pongs of its own
        max_size,
        None,  # no more headers
        _FIRST_READ_SIZE,
    )
    reader.connection_made(wire)
    buffer = reader.get_buffer(-1)
    buffer[: len(_HANDSHAKE)] = _HANDSHAKE
    reader.buffer_updated(len(_HANDSHAKE))
    wire.opened()
    return reader
