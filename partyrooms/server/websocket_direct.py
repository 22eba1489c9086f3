"""
The direct way between an application and its sockets: function calls, no events.

An application finds a ``DirectSocket`` in ``scope["extensions"]["partyrooms.direct"]``
of each WebSocket. It accepts or denies the handshake, and hears of the end, as ASGI has
it; between the two it may attach a ``Sink``, which gets messages, and write frames::

    socket = scope["extensions"]["partyrooms.direct"]
    await receive()                                  # websocket.connect
    socket.attach(sink)
    await send({"type": "websocket.accept"})
    await receive()                                  # websocket.disconnect

A broadcast is one ``frame = socket.encode(payload)``, written to each of its sockets.
All of it is to be called in the thread of the server's event loop.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

EXTENSION = "partyrooms.direct"
"""Its name among the scope's extensions."""


class Sink(Protocol):
    """Gets what comes from a client; calls come in the thread of the event loop."""

    def message_received(self, payload: str | bytes) -> None:
        """
        A message is complete: a str of text, or bytes.

        Nothing bounds what a sink keeps: ``pause_reading()`` does, though messages
        that have been read already, 64 KiB at most, still come. If it raises, the
        error is logged and the socket closed with 1011.
        """

    def paused(self) -> None:
        """The client does not keep up: what is written from now on waits in memory."""

    def resumed(self) -> None:
        """The client has taken most of what waited, or is gone."""


class DirectSocket(Protocol):
    """
    One client's WebSocket.

    Nothing here waits or raises because the client left: what is written then is
    dropped, and ``receive()`` gives ``websocket.disconnect``.
    """

    @property
    def sender(self) -> Callable[[Any], Awaitable[None]] | None:
        """
        The ``send`` that the application was called with; None: it has ended.

        An application that got another one stands behind a middleware that wants to
        see what is sent: it has to send events.
        """

    @property
    def is_open(self) -> bool:
        """Whether frames reach the client: accepted, and not closed by either side."""

    @property
    def is_paused(self) -> bool:
        """Whether the client does not keep up, as the sink was told."""

    @property
    def queued(self) -> int:
        """Bytes written that the operating system has not taken yet."""

    def attach(self, sink: Sink) -> None:
        """
        Have a sink called for each message from now on, instead of ``receive()``.

        It may be attached before the handshake is answered, or later; messages that
        ``receive()`` has not given by then are given to the sink at once.
        """

    def encode(self, payload: str | bytes) -> bytes:
        """Make the frame of a message; it may be written to any number of sockets."""

    def write(self, frame: bytes) -> None:
        """
        Write a ready frame, in the order of the calls.

        Nothing bounds what waits: the caller looks at ``queued``, or stops between
        ``paused()`` and ``resumed()``.

        Args:
            frame: From ``encode()``.
        """

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the socket behind what was written, as ``websocket.close`` does.

        Raises:
            ValueError: If no close frame may carry this code or reason.
        """

    def pause_reading(self) -> None:
        """Read nothing more from the client; what it sends waits with it."""

    def resume_reading(self) -> None:
        """Read again."""


def shorter_way(
    scope: Mapping[str, Any], send: Callable[[Any], Awaitable[None]]
) -> DirectSocket | None:
    """
    A socket's direct way, if the server has one and nobody stands in between.

    Args:
        scope: The WebSocket's.
        send: What the application was called with.
    """
    direct: DirectSocket | None = (scope.get("extensions") or {}).get(EXTENSION)
    return direct if direct is not None and direct.sender == send else None
