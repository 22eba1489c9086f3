"""What a room sends to a socket in another process: both ends."""

from collections.abc import Callable

from partyrooms.core.frames import Frame, Profile
from partyrooms.core.wire import to_gateway
from partyrooms.ports.sockets import Closing, Socket


class RemoteSocket:
    """
    A socket in another process, as its room sees it; a ``Socket``.

    Args:
        number: The gateway's number of it.
        node: The gateway's process.
        profile: What is known of the connection.
        send: Called with a kind of ``ToSocket`` and its fields: tells the gateway.
        sockets: The gateway's sockets in the room; it takes itself out when dropped.
    """

    __slots__ = (
        *("number", "node", "profile", "closing", "waiting"),
        *("is_accepted", "is_gone", "is_dropped"),
        *("_send", "_sockets"),
    )

    def __init__(
        self,
        number: int,
        node: bytes,
        profile: Profile,
        *,
        send: Callable[..., None],
        sockets: "dict[int, RemoteSocket]",
    ) -> None:
        self.number = number
        self.node: bytes | None = node
        self.profile = profile
        self.closing: Closing | None = None
        self.waiting = 0
        self.is_accepted = False
        self.is_gone = False
        self.is_dropped = False
        self._send = send
        self._sockets = sockets

    def accept(self, tags: tuple[str, ...]) -> None:
        self.profile.tags = tags
        self.is_accepted = True
        self._send(to_gateway.Accept, socket=self.number, tags=tags)

    def send(self, frame: Frame) -> None:
        self._send(to_gateway.Send, socket=self.number, payload=frame.payload)

    def keep_state(self, state: bytes | None) -> None:
        self.profile.state = state
        self._send(to_gateway.Keep, socket=self.number, state=state)

    def close(self, closing: Closing) -> None:
        if self.closing is None:
            self._close(closing, drop=False)

    def drop(self, closing: Closing) -> None:
        self.is_dropped = self.is_gone = True
        self._close(closing, drop=True)
        self._sockets.pop(self.number, None)

    def _close(self, closing: Closing, *, drop: bool) -> None:
        self.closing = closing
        code, reason = closing
        self._send(
            to_gateway.Close, socket=self.number, code=code, reason=reason, drop=drop
        )


def apply(socket: Socket, message: to_gateway.ToSocket) -> None:
    """Do at a socket of this process what its ``RemoteSocket`` was asked to do."""
    match message:
        case to_gateway.Send(payload=payload):
            socket.send(Frame(payload))
        case to_gateway.Accept(tags=tags):
            socket.accept(tags)
        case to_gateway.Keep(state=state):
            socket.keep_state(state)
        case to_gateway.Close(code=code, reason=reason, drop=drop):
            (socket.drop if drop else socket.close)((code, reason))
