"""Frames as a server writes them (RFC 6455, 5.2), and what a close frame may say."""

import struct

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA

NO_CODE = 1005
"""Stands for a close frame without a code; no frame says it."""

LOST = 1006
"""Stands for a connection that ended without a close frame; no frame says it."""

PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007
TOO_BIG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012

MAX_CONTROL_PAYLOAD = 125

# As registered with IANA. 1004 is reserved; 1005, 1006 and 1015 are for events only.
_REGISTERED = frozenset(range(1000, 1015)) - {1004, NO_CODE, LOST}

_FINAL = 0x80
_SHORT = {
    opcode: tuple(bytes((_FINAL | opcode, size)) for size in range(126))
    for opcode in (TEXT, BINARY, CLOSE, PING, PONG)
}
_SHORT_TEXT = _SHORT[TEXT]


class Violation(Exception):
    """
    What a client sent breaks the protocol, or a limit.

    Attributes:
        code: For the close frame.
        reason: In English, for the close frame and the application.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def encode(payload: str | bytes) -> bytes:
    """
    Make the frame of a message; it may be written to any number of sockets.

    Args:
        payload: A str makes a text frame, bytes a binary one.
    """
    if isinstance(payload, str):
        data = payload.encode()
        size = len(data)
        if size < 126:
            return _SHORT_TEXT[size] + data
        return _head(TEXT, size) + data
    return encode_frame(BINARY, payload)


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """Make a frame; a control frame's payload has at most 125 bytes."""
    size = len(payload)
    if size < 126:
        return _SHORT[opcode][size] + payload
    return _head(opcode, size) + payload


EMPTY_CLOSE = _SHORT[CLOSE][0]
"""The close frame that has no code."""


def encode_close(code: int, reason: str = "") -> bytes:
    """
    Make a close frame.

    Args:
        code: Of those that a close frame may carry.
        reason: At most 123 bytes of UTF-8.

    Raises:
        ValueError: If no close frame may say this.
    """
    if not is_close_code(code):
        raise ValueError(
            f"{code!r} is no close code that a server may send: those are 1000 to "
            "1003, 1007 to 1014, and 3000 to 4999."
        )
    payload = struct.pack("!H", code) + reason.encode()
    if len(payload) > MAX_CONTROL_PAYLOAD:
        raise ValueError(
            f"A close reason has at most 123 bytes of UTF-8, not {len(payload) - 2}."
        )
    return encode_frame(CLOSE, payload)


def decode_close(payload: bytes) -> tuple[int, str]:
    """
    Read a close frame's payload: its code, or ``NO_CODE``, and its reason.

    Raises:
        Violation: If no close frame may carry this code.
        UnicodeDecodeError: If the reason is not UTF-8.
    """
    if not payload:
        return NO_CODE, ""
    # One byte alone is no code that may be sent, either.
    code = int.from_bytes(payload[:2], "big")
    if not is_close_code(code):
        raise Violation(PROTOCOL_ERROR, f"close frame with the code {code}")
    return code, payload[2:].decode()


def is_close_code(code: int) -> bool:
    """Whether a close frame may carry this code (RFC 6455, 7.4)."""
    return code in _REGISTERED or 3000 <= code < 5000


def _head(opcode: int, size: int) -> bytes:
    if size < 1 << 16:
        return struct.pack("!BBH", _FINAL | opcode, 126, size)
    return struct.pack("!BBQ", _FINAL | opcode, 127, size)
