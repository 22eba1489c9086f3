"""A visit to a project through its public address, as a browser would come."""

import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from partyrooms.doctor.room import Doctor, token

PATIENCE = 10.0
"""Seconds for each answer."""

STREAM_PATIENCE = 5.0
"""Seconds for the first piece of an answer that goes on for longer."""


@dataclass(slots=True)
class Handshake:
    """
    How a handshake went.

    Attributes:
        status: Of the answer; 101: it is open; None: there was none.
        error: Why there was none.
        told: What the room said of itself.
        extensions: That the server agreed to.
        frame_error: What happened to the largest frame; empty: it came to the room.
    """

    status: int | None = None
    error: str = ""
    told: dict[str, Any] | None = None
    extensions: str = ""
    frame_error: str = ""


@dataclass(slots=True)
class Visit:
    """
    What was seen.

    Attributes:
        origin: What a browser calls the address.
        with_origin: The handshake of a page of this address.
        without_origin: One of a program, if the first one was refused.
        server: How the server calls itself.
        is_streamed: An answer came while it was still being made; None: none did.
    """

    origin: str
    with_origin: Handshake
    without_origin: Handshake | None = None
    server: str = ""
    is_streamed: bool | None = None


def visit(address: str) -> Visit:
    """
    Visit a project.

    Args:
        address: Scheme and host, and the prefix of ``partyrooms.urls`` if it has one.
    """
    parts = urlsplit(address if "//" in address else f"https://{address}")
    origin = f"{parts.scheme}://{parts.netloc}"
    path = f"{parts.path.rstrip('/')}/parties/{Doctor.party}/visit"
    query = urlencode({"token": token()})
    url = f"{origin.replace('http', 'ws', 1)}{path}?{query}"
    seen = Visit(origin, _shake_hands(url, origin))
    if seen.with_origin.status == 403:
        seen.without_origin = _shake_hands(url, None)
    if seen.with_origin.status is not None:
        _read_stream(seen, parts.scheme, parts.netloc, f"{path}/stream?{query}")
    return seen


def _shake_hands(url: str, origin: Any) -> Handshake:
    from websockets.exceptions import (
        ConnectionClosed,
        InvalidStatus,
        WebSocketException,
    )
    from websockets.sync.client import connect

    seen = Handshake()
    try:
        socket = connect(
            url, origin=origin, open_timeout=PATIENCE, max_size=None, proxy=None
        )
    except InvalidStatus as error:
        seen.status = error.response.status_code
        return seen
    except (OSError, WebSocketException) as error:
        seen.error = f"{type(error).__name__}: {error}"
        return seen
    with socket:
        seen.status = 101
        if socket.response is not None:
            seen.extensions = socket.response.headers.get(
                "Sec-WebSocket-Extensions", ""
            )
        try:
            seen.told = json.loads(socket.recv(timeout=PATIENCE))
            assert seen.told is not None
            socket.send(b"x" * seen.told["size"])
            socket.recv(timeout=PATIENCE)
        except (ConnectionClosed, TimeoutError) as error:
            seen.frame_error = f"{error}" or "no answer came"
    return seen


def _read_stream(seen: Visit, scheme: str, host: str, path: str) -> None:
    kind = HTTPSConnection if scheme == "https" else HTTPConnection
    with closing(kind(host, timeout=STREAM_PATIENCE)) as connection:
        try:
            connection.request("GET", path)
            answer: HTTPResponse = connection.getresponse()
            seen.server = answer.getheader("Server") or ""
            if answer.status == 200:
                seen.is_streamed = answer.read1(64).startswith(b"begun")
        except TimeoutError:
            seen.is_streamed = False
        except (OSError, HTTPException):
            return
