"""The handshake: what a client asked for, and the bytes that answer it."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

Headers = list[tuple[bytes, bytes]]

_KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = b"13"
_NO_TOKEN = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class BadHandshake(Exception):
    """
    A request that no server may answer with 101.

    Attributes:
        response: What it is answered with.
    """

    def __init__(self, status: int, text: str, headers: Headers | None = None) -> None:
        super().__init__(status, text)
        body = f"Failed to open a WebSocket connection: {text}.\n".encode()
        self.response = response(status, headers or [], body)


@dataclass(frozen=True, slots=True)
class Handshake:
    """
    A client's request, as far as RFC 6455 (4.2.1) asks for it.

    Attributes:
        target: The request's, as it was sent.
        headers: Names in lower case.
        key: For the answer.
    """

    target: bytes
    headers: Headers
    key: bytes

    @property
    def subprotocols(self) -> list[str]:
        """What the client speaks, in its order."""
        return [
            token.strip()
            for name, value in self.headers
            if name == b"sec-websocket-protocol"
            for token in value.decode("latin-1").split(",")
        ]

    def scope(self, root_path: str) -> dict[str, Any]:
        """The part of the ASGI scope that the request says."""
        path, _, query = self.target.partition(b"?")
        return {
            "root_path": root_path,
            "path": root_path + unquote(path.decode("ascii")),
            "raw_path": root_path.encode("ascii") + path,
            "query_string": query,
            "headers": self.headers,
            "subprotocols": self.subprotocols,
        }


def read_handshake(head: bytes) -> Handshake:
    """
    Read a request's head, up to and with the empty line.

    Raises:
        BadHandshake: If it is none of a WebSocket.
    """
    first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
    method, _, rest = first.partition(b" ")
    target, _, _ = rest.rpartition(b" ")
    if method != b"GET":
        raise BadHandshake(405, "the method must be GET", [(b"allow", b"GET")])
    if not target.isascii():
        raise BadHandshake(400, "the URL must be ASCII")
    pairs = (line.partition(b":") for line in lines)
    headers = [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]
    _require_upgrade(headers)
    version = _only(headers, b"sec-websocket-version")
    if version != _VERSION:
        raise BadHandshake(
            426,
            "the Sec-WebSocket-Version must be 13",
            [(b"upgrade", b"websocket"), (b"sec-websocket-version", _VERSION)],
        )
    return Handshake(target, headers, _key(headers))


def acceptance(
    key: bytes, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """
    The response that opens the WebSocket.

    Args:
        key: The client's.
        subprotocol: The one chosen, if any.
        headers: More of them.

    Raises:
        RuntimeError: If a header would break the response.
    """
    # No protection: RFC 6455 has it so.
    digest = hashlib.sha1(key + _KEY_SUFFIX, usedforsecurity=False).digest()
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest),
        *_header_lines(headers),
    ]
    if subprotocol:
        chosen = (b"Sec-WebSocket-Protocol", subprotocol.encode("latin-1"))
        lines += _header_lines([chosen])
    return b"\r\n".join([*lines, b"", b""])


def response(
    status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes = b""
) -> bytes:
    """
    A response that ends the connection instead of opening a WebSocket.

    Args:
        status: From 100 to 599.
        headers: Date, Connection, Content-Length and Content-Type are added where
            they are missing.
        body: All of it.

    Raises:
        RuntimeError: If the status or a header would break the response.
    """
    if not 100 <= status < 600:
        raise RuntimeError(f"Invalid HTTP status code '{status}' in response.")
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    for name, value in (
        (b"date", formatdate(usegmt=True).encode()),
        (b"connection", b"close"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"text/plain; charset=utf-8"),
    ):
        if name not in names:
            given.append((name, value))
    first = f"HTTP/1.1 {status} {phrase}".encode()
    return b"\r\n".join([first, *_header_lines(given), b"", body])


def _header_lines(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    lines = []
    for name, value in headers:
        if not name or _NO_TOKEN.search(name):
            raise RuntimeError(f"Invalid HTTP header name: {name!r}.")
        if _NO_VALUE.search(value):
            raise RuntimeError(f"Invalid HTTP header value of {name!r}.")
        lines.append(name + b": " + value)
    return lines


def _require_upgrade(headers: Headers) -> None:
    for name, token in ((b"connection", b"upgrade"), (b"upgrade", b"websocket")):
        values = b",".join(value for known, value in headers if known == name)
        if token not in [value.strip().lower() for value in values.split(b",")]:
            raise BadHandshake(
                426,
                f"the {name.decode().title()} header must say {token.decode()}",
                [(b"upgrade", b"websocket")],
            )


def _key(headers: Headers) -> bytes:
    key = _only(headers, b"sec-websocket-key")
    try:
        is_right = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        is_right = False
    if not is_right:
        raise BadHandshake(400, "the Sec-WebSocket-Key must be 16 bytes in base64")
    return key


def _only(headers: Headers, wanted: bytes) -> bytes:
    """The value of a header that comes exactly once."""
    values = [value for name, value in headers if name == wanted]
    if len(values) != 1:
        shown = wanted.decode().title().replace("Websocket", "WebSocket")
        raise BadHandshake(400, f"the request needs one {shown} header")
    return values[0]
