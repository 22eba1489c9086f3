"""One client's socket as its room sees it, wherever the socket is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.http import HttpRequest

from partyrooms.core.frames import Frame, Profile

Closing = tuple[int, str]
"""A close code and its reason."""

Broadcast = tuple[Frame, frozenset[str]]
"""A frame, and the ids of the connections that do not get it."""


class Socket(Protocol):
    """
    One socket, as the room sees it.

    Each method takes exactly one argument, so that an output is a method and what to
    call it with.

    Attributes:
        number: What other processes call it; 0: nothing.
        node: The process that has it; None: this one.
        profile: What is known of the connection; it stays with the socket.
        is_accepted: The handshake was answered by letting the client in.
        is_gone: Nothing reaches the client any more.
        closing: What it is being closed with; None: nothing yet.
        is_dropped: The room closed it without wanting to hear of its end.
        waiting: How many of its frames wait to be handled.
    """

    number: int
    waiting: int
    profile: Profile
    is_accepted: bool
    is_gone: bool
    is_dropped: bool
    closing: Closing | None

    @property
    def node(self) -> bytes | None: ...

    def accept(self, tags: tuple[str, ...]) -> None:
        """Answer the handshake; from now on the socket is in its room's audience."""

    def send(self, frame: Frame) -> None:
        """Queue a frame."""

    def keep_state(self, state: bytes | None) -> None:
        """Keep the connection's state."""

    def close(self, closing: Closing) -> None:
        """Close the socket behind what is queued; its end will be reported."""

    def drop(self, closing: Closing) -> None:
        """
        Close the socket without wanting to hear of its end.

        A handshake that is not answered yet is accepted first, so that a browser sees
        the code.
        """


class Wire(Protocol):
    """
    A server that takes ready frames, without an event and a coroutine for each.

    Attributes:
        is_paused: The client does not keep up; what is sent now has to wait.
    """

    @property
    def is_paused(self) -> bool: ...

    def encode(self, payload: str | bytes) -> bytes:
        """Make the frame of a message; it may be written to any number of sockets."""

    def write(self, frame: bytes) -> None:
        """Write a frame, in order; nothing happens if the client is gone."""


class OwnSocket(Socket, Protocol):
    """One of this process's own, as it sees it."""

    def shut(self, closing: Closing) -> None:
        """Close the socket as soon as it is accepted; its end will be reported."""

    async def flush(self) -> None:
        """Wait until what is queued has been sent; safe to cancel."""


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """
    What ``on_connect`` is told besides the connection.

    Attributes:
        request: The handshake after the project's ``MIDDLEWARE``: ``path``, ``GET``,
            ``headers``, ``META``, ``COOKIES``, ``user``.
        props: What the before-hook put into ``request.props``; a client cannot.
    """

    request: HttpRequest
    props: Mapping[str, Any]
