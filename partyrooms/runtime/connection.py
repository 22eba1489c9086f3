"""A WebSocket client of a room, as the room's class sees it."""

from collections.abc import Callable
from typing import Any

import msgspec

from partyrooms.core.frames import Frame, Profile
from partyrooms.core.validation import as_closing, as_payload, as_state
from partyrooms.core.walk import Walk
from partyrooms.json_text import json_message, json_text
from partyrooms.ports.sockets import Socket
from partyrooms.runtime.outputs import Outputs
from partyrooms.runtime.turn import Output, Turn


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
        *("_connecting", "_early", "_is_open", "_outputs", "_roster", "_socket"),
        *("_state", "__weakref__", "close_code", "close_reason", "id", "tags", "uri"),
        *("user_id", "was_clean"),
    )

    def __init__(self, outputs: Outputs, roster: "Connections", socket: Socket) -> None:
        profile: Profile = socket.profile
        self._outputs = outputs
        self._roster = roster
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

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            object.__setattr__(self, name, value)
        except AttributeError as error:
            raise AttributeError(
                f"A connection keeps no {name!r}: use connection.set_state("
                f"{{{name!r}: ...}}), or a dict of the room, by connection.id."
            ) from error

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
            put_out = self._put_out if self._connecting else self._outputs.put_out
            put_out(self._socket.send, Frame(message), self._socket.node)

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
            ValueError: If it is larger, a number that JSON has not, or text that has
                no UTF-8.
        """
        if callable(value):
            value = value(self.state)
        encoded = None if value is None else as_state(json_text(value))
        before = self._state
        # It raises where a turn is over: then nothing must have changed.
        self._outputs.put_out(
            self._socket.keep_state,
            encoded,
            self._socket.node,
            undo=lambda: self._restore_state(before, encoded),
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
            self._put_out(
                self._socket.close, closing, self._socket.node, undo=self._reopen
            )
            shut(self)

    def _put_out(
        self,
        deliver: Callable[[Any], None],
        what: Any,
        target: bytes | None,
        undo: Callable[[], None] | None = None,
    ) -> None:
        if self._connecting is None or self._connecting.is_current:
            self._outputs.put_out(deliver, what, target, undo)
        else:
            later = (deliver, what, target)
            self._outputs.put_out(self._deliver_later, later, target, undo)

    def _deliver_later(self, output: Output) -> None:
        """The socket may not be accepted yet: nothing can be sent to it before."""
        if self._connecting is None:
            deliver, what, _ = output
            deliver(what)
        else:
            self._early.append(output)

    def _reopen(self) -> None:
        self._is_open = True
        self._roster.leaving.pop(self, None)
        # A connection that was never let in is on no list.
        if self._roster.of(self._socket) is self:
            self._roster.add_again(self)

    def _restore_state(self, before: bytes | None, dropped: bytes | None) -> None:
        # Background work may have set another one meanwhile, which counts.
        if self._state is dropped:
            self._state = before

    def __repr__(self) -> str:
        return f"<Connection {self.id!r} of {self._outputs.key}>"


# What a room's events do with a connection; it is none of its user's business.


def is_open(connection: Connection) -> bool:
    """Whether neither side has closed it, as far as the room knows."""
    return connection._is_open


def hold_back(connection: Connection, connecting: Turn) -> None:
    """``on_connect`` begins: what other code sends waits until it has ended."""
    connection._connecting = connecting


def let_in(connection: Connection) -> None:
    """``on_connect`` has ended; what others sent meanwhile follows what it sent."""
    connection._connecting = None
    early, connection._early = connection._early, []
    for deliver, what, _ in early:
        deliver(what)


def shut(connection: Connection) -> None:
    """Take a connection off the lists; its ``on_close`` is still to come."""
    connection._is_open = False
    connection._roster.discard(connection)
    connection._roster.leaving[connection] = None


class Connections:
    """
    Who is connected to a room: in the order of arrival, by tag, and by socket.

    Attributes:
        leaving: Those that are shut and whose ``on_close`` is still to come.
    """

    __slots__ = ("_all", "_by_socket", "_by_tag", "_is_out_of_order", "leaving")

    def __init__(self) -> None:
        self.leaving: dict[Connection, None] = {}
        self._all: dict[Connection, None] = {}
        self._by_tag: dict[str, dict[Connection, None]] = {}
        self._by_socket: dict[Socket, Connection] = {}
        self._is_out_of_order = False

    def welcome(self, connection: Connection) -> None:
        """List a connection, and let its socket's events find it."""
        self._by_socket[connection._socket] = connection
        if connection._is_open:
            self.add(connection)

    def of(self, socket: Socket) -> Connection | None:
        """What this life has made of a socket; None: nothing, or it has ended."""
        return self._by_socket.get(socket)

    def end(self, connection: Connection) -> None:
        """Its socket has ended: take it off every list."""
        connection._is_open = False
        self.discard(connection)
        self.leaving.pop(connection, None)
        self._by_socket.pop(connection._socket, None)

    def sockets(self) -> list[Socket]:
        """Every socket whose end the room has not been told yet."""
        return [one._socket for one in (*self.tagged(None), *self.leaving)]

    def add(self, connection: Connection) -> None:
        """List a connection under all its tags."""
        self._all[connection] = None
        for tag in connection.tags:
            self._by_tag.setdefault(tag, {})[connection] = None

    def add_again(self, connection: Connection) -> None:
        """List a connection that was taken out, where it was."""
        self.add(connection)
        self._is_out_of_order = True

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
        self._put_in_order()
        for connection in reversed(self._by_tag.get(id, {})):
            # Another connection may carry this id as a tag of its own.
            if connection.id == id:
                return connection
        return None

    def tagged(self, tag: str | None) -> Walk[Connection]:
        """Those with a tag, or all; may be changed while it is walked through."""
        self._put_in_order()
        return Walk(self._all if tag is None else self._by_tag.get(tag, {}))

    def _put_in_order(self) -> None:
        """Sort what ``add_again`` has put at the end, however many those are."""
        if self._is_out_of_order:
            listed, self._all, self._by_tag = self._all, {}, {}
            for connection in filter(listed.__contains__, self._by_socket.values()):
                self.add(connection)
            self._is_out_of_order = False

    def __len__(self) -> int:
        return len(self._all)
