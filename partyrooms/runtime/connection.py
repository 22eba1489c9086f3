"""A WebSocket client of a room, as the room's class sees it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from django.http import HttpRequest

from partyrooms.core.frames import Frame, Profile, json_message, json_text
from partyrooms.core.validation import as_closing, as_payload

if TYPE_CHECKING:
    from partyrooms.ports.cluster import Socket
    from partyrooms.runtime.life import Life
    from partyrooms.runtime.turn import Output, Turn

MAX_STATE_SIZE = 16 * 1024
"""Bytes of a connection's state as JSON."""


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


class Connection:
    """
    One client's WebSocket; made by partyrooms, and gone when the client is.

    The id is a name that the client chose (``partysocket`` keeps its id when it comes
    back, two tabs may share one), not a credential: to know who it is, use ``user_id``.

    Attributes:
        id: From the query parameter ``_pk``, or made by the server.
        uri: Path and query of the handshake, as the client sent them.
        tags: The id, then what ``get_connection_tags`` returned.
        user_id: The Django user's primary key as ``str``; None: nobody is logged in.
        close_code: In ``on_close``: the code that ended it (1006: no close frame).
        close_reason: In ``on_close``: the reason that came with the code.
        was_clean: In ``on_close``: whether there was a close frame.
    """

    __slots__ = (
        "__weakref__",
        "_connecting",
        "_early",
        "_is_open",
        "_life",
        "_socket",
        "_state",
        "close_code",
        "close_reason",
        "id",
        "tags",
        "uri",
        "user_id",
        "was_clean",
    )

    def __init__(self, life: "Life", socket: "Socket") -> None:
        profile: Profile = socket.profile
        self._life = life
        self._socket = socket
        self._is_open = True
        self._connecting: Turn | None = None
        self._early: list[Output] = []
        self._state = profile.state
        self.id: str = profile.id
        self.uri: str = profile.uri
        self.user_id: str | None = profile.user_id
        self.tags: tuple[str, ...] = profile.tags or (profile.id,)
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.was_clean: bool | None = None

    def send(self, message: str | bytes) -> None:
        """
        Queue a message for this client; it leaves when the turn is committed.

        Messages keep their order. Sending to a closed connection does nothing.

        Raises:
            TypeError: If it is neither ``str`` nor ``bytes``.
            ValueError: If it is text that has no UTF-8.
        """
        # Most need no closer look, and it is asked for with every message.
        if type(message) is not str or not message.isascii():
            message = as_payload(message, "send")
        if self._is_open:
            put_out = self._put_out if self._connecting else self._life.put_out
            put_out(self._socket.send, Frame(message))

    def send_json(self, obj: Any) -> None:
        """
        Queue a value as a JSON text.

        Raises:
            TypeError: If JSON has no such value.
            ValueError: If it is a number that JSON has not (NaN, infinity).
        """
        self.send(json_message(obj))

    @property
    def state(self) -> Any:
        """What ``set_state`` kept: a copy, so that changing it changes nothing."""
        return None if self._state is None else msgspec.json.decode(self._state)

    def set_state(self, value: Any) -> Any:
        """
        Keep a value with the socket, as long as it lives, whoever owns the room.

        Args:
            value: JSON-able, at most 16 KiB; None clears. Or a callable that makes the
                new value from the present one.

        Returns:
            The new state.

        Raises:
            TypeError: If JSON has no such value.
            ValueError: If it is larger, or a number that JSON has not.
        """
        if callable(value):
            value = value(self.state)
        encoded = None if value is None else _encode_state(value)
        before = self._state
        # It raises where a turn is over: then nothing must have changed.
        self._life.put_out(
            self._socket.keep, encoded, undo=lambda: self._restore_state(before)
        )
        self._state = encoded
        return self.state

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the connection behind what was sent to it; ``on_close`` follows.

        It leaves ``get_connections()`` at once. In ``on_connect`` the socket is
        accepted first, so that a browser sees the code. Closing a closed connection
        does nothing.

        Args:
            code: 1000 or 3000-4999.
            reason: At most 123 bytes of UTF-8.

        Raises:
            TypeError: If the code is no ``int``, or the reason no ``str``.
            ValueError: If code or reason cannot be sent.
        """
        closing = as_closing(code, reason)
        if self._is_open:
            # It raises where a turn is over: then nothing must have changed.
            self._put_out(self._socket.close, closing, undo=self._reopen)
            self._shut()

    def _let_in(self, _: None) -> None:
        """``on_connect`` has ended; what others sent meanwhile follows what it sent."""
        self._connecting = None
        early, self._early = self._early, []
        for deliver, what in early:
            deliver(what)

    def _put_out(
        self,
        deliver: Callable[[Any], None],
        what: Any,
        undo: Callable[[], None] | None = None,
    ) -> None:
        if self._connecting is None or self._connecting.is_current:
            self._life.put_out(deliver, what, undo)
        else:
            self._life.put_out(self._deliver_later, (deliver, what), undo)

    def _deliver_later(self, output: "Output") -> None:
        """The socket may not be accepted yet: nothing can be sent to it before."""
        if self._connecting is None:
            deliver, what = output
            deliver(what)
        else:
            self._early.append(output)

    def _shut(self) -> None:
        self._is_open = False
        self._life.connections.discard(self)
        self._life.leaving[self] = None

    def _reopen(self) -> None:
        self._is_open = True
        self._life.leaving.pop(self, None)
        # A connection that was never let in is on no list.
        if self._socket.connection is self:
            self._life.connections.add(self)

    def _restore_state(self, encoded: bytes | None) -> None:
        self._state = encoded

    def __repr__(self) -> str:
        return f"<Connection {self.id!r} of {self._life.key}>"


class Connections:
    """Who is connected to a room: in the order of arrival, and by tag."""

    __slots__ = ("_all", "_by_tag")

    def __init__(self) -> None:
        self._all: dict[Connection, None] = {}
        self._by_tag: dict[str, dict[Connection, None]] = {}

    def add(self, connection: Connection) -> None:
        """List a connection under all its tags."""
        self._all[connection] = None
        for tag in connection.tags:
            self._by_tag.setdefault(tag, {})[connection] = None

    def discard(self, connection: Connection) -> None:
        """Take a connection out, if it is listed."""
        if connection not in self._all:
            return
        del self._all[connection]
        for tag in connection.tags:
            tagged = self._by_tag.get(tag, {})
            tagged.pop(connection, None)
            if not tagged:
                self._by_tag.pop(tag, None)

    def newest(self, id: str) -> Connection | None:
        """The connection that came last with this id."""
        for connection in reversed(self._by_tag.get(id, {})):
            # Another connection may carry this id as a tag of its own.
            if connection.id == id:
                return connection
        return None

    def tagged(self, tag: str | None) -> Iterator[Connection]:
        """Those with a tag, or all; may be changed while it is walked through."""
        found = self._all if tag is None else self._by_tag.get(tag, {})
        return iter(tuple(found))

    def __len__(self) -> int:
        return len(self._all)


def _encode_state(value: Any) -> bytes:
    encoded = json_text(value).encode()
    if len(encoded) > MAX_STATE_SIZE:
        raise ValueError(
            f"A connection's state has at most {MAX_STATE_SIZE} bytes as JSON; this "
            f"one has {len(encoded)}. Keep a key in it, and the rest in self.storage."
        )
    return encoded
