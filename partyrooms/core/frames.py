"""What passes between a gateway and a room: frames, profiles, answers."""

from enum import Enum
from typing import Any

import msgspec


class Frame:
    """
    One payload for one or many sockets, made once.

    Attributes:
        payload: What is sent.
        event: The ASGI message; shared by all sockets, so nobody may change it.
        wire: The same as a server writes it, once a socket's server has made it.
    """

    __slots__ = ("_size", "event", "payload", "wire")

    def __init__(self, payload: str | bytes) -> None:
        self.payload = payload
        kind = "text" if isinstance(payload, str) else "bytes"
        self.event: dict[str, Any] = {"type": "websocket.send", kind: payload}
        self.wire: bytes | None = None
        self._size = -1

    @property
    def size(self) -> int:
        """Bytes of the payload as UTF-8 or as it is; only who has to wait asks."""
        if self._size < 0:
            self._size = payload_size(self.payload)
        return self._size


def payload_size(payload: str | bytes) -> int:
    """Bytes that a payload takes in a frame."""
    if isinstance(payload, bytes) or payload.isascii():
        return len(payload)
    return len(payload.encode())


def has_utf8(text: str) -> bool:
    """Whether a text can be encoded: it contains no half of a surrogate pair."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


class Profile(msgspec.Struct, kw_only=True):
    """
    What is known of a connection and stays with its socket, whoever owns the room.

    Attributes:
        id: The connection's id (not unique: two tabs may share one).
        uri: Path and query of the handshake as the client sent them.
        user_id: The Django user's primary key as text; None: nobody is logged in.
        tags: The id first, then the application's.
        state: What ``set_state`` kept, as JSON; None: nothing.
    """

    id: str
    uri: str
    user_id: str | None
    tags: tuple[str, ...] = ()
    state: bytes | None = None


def encode_profiles(profiles: list[Profile]) -> bytes:
    """Profiles as a room's seats are stored."""
    return msgspec.msgpack.encode(profiles)


def decode_profiles(data: bytes) -> list[Profile]:
    """
    Make profiles of their bytes.

    Raises:
        msgspec.DecodeError: If they are none of this version's.
    """
    return msgspec.msgpack.decode(data, type=list[Profile])


class AnswerKind(Enum):
    """What the body of an answer is."""

    DATA = "data"
    """JSON bytes of a value that a renderer may still present in another format."""
    TEXT = "text"
    BYTES = "bytes"
    EMPTY = "empty"
    STREAM = "stream"
    """Chunks that come as they are made; the answer has no ``body``."""


class Answer(msgspec.Struct, kw_only=True):
    """
    A room's answer to an HTTP request, ready to cross to another process.

    Attributes:
        status: The HTTP status code.
        headers: Name and value, in order.
        kind: What ``body`` is.
        body: The bytes, already snapshots: the room's state may change afterwards.
        content_type: For TEXT, BYTES and STREAM; None: the kind's default.
        stream: Where a STREAM comes from; it does not cross as it is.
    """

    status: int
    headers: list[tuple[str, str]] = []
    kind: AnswerKind = AnswerKind.EMPTY
    body: bytes = b""
    content_type: str | None = None
    stream: Any = None
