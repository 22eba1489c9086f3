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

A broadcast is one ``frame = encode(payload)``, then ``socket.write(frame)`` for each.
All of it is to be called in the thread of the server's event loop.
"""

from typing import Protocol

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

    def write(self, frame: bytes) -> None:
        """
        Write a ready frame, in the order of the calls.

        Nothing bounds what waits: the caller looks at ``queued``, or stops between
        ``paused()`` and ``resumed()``.

        Args:
            frame: From ``websocket_frames.encode()``.
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
