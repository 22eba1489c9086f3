"""The other end of a connection in the testing kit, and the socket between them."""

from typing import Any

from partyrooms import registry
from partyrooms.core.frames import Frame, Profile
from partyrooms.core.validation import as_payload
from partyrooms.delivery.auto_response import answers_of
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.delivery.socket_table import SocketTable
from partyrooms.json_text import json_message
from partyrooms.ports.sockets import Closing, ConnectionContext
from partyrooms.runtime.worker import Worker


class Client:
    """
    One connection's other end.

    Attributes:
        id: The connection id.
        received: What has arrived, oldest first.
    """

    def __init__(
        self,
        profile: Profile,
        worker: Worker,
        audience: LocalAudience,
        sockets: SocketTable,
    ) -> None:
        self.id = profile.id
        self._worker = worker
        self._socket = ClientSocket(profile, worker, audience)
        sockets.add(self._socket, worker.key)
        self.received = self._socket.received

    @property
    def is_accepted(self) -> bool:
        """Whether the handshake was answered."""
        return self._socket.is_accepted

    @property
    def closed(self) -> Closing | None:
        """The close code and reason; None: it is open."""
        return self._socket.closed

    async def connect(self, context: ConnectionContext) -> None:
        """Ask to be let in, and wait until the room has handled it."""
        self._worker.connect(self._socket, context)
        await self._worker.until_idle()

    async def send(self, message: str | bytes) -> None:
        """
        Send a frame, and wait until the room has handled it; or get its
        ``auto_response``.

        Raises:
            TypeError: If it is neither ``str`` nor ``bytes``.
        """
        payload = as_payload(message, "send")
        answer = answers_of(registry.get(self._worker.key.party)).get(payload)
        if answer is None:
            self._worker.message(self._socket, payload)
            await self._worker.until_idle()
        else:
            self._socket.send(answer)

    async def send_json(self, value: Any) -> None:
        """Send a value as a JSON text; see ``send``."""
        await self.send(json_message(value))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, and wait until the room has handled it."""
        self._socket.end((code, reason), was_clean=True)
        await self._worker.until_idle()

    async def vanish(self) -> None:
        """Break the connection without a close frame."""
        self._socket.end((1006, ""), was_clean=False)
        await self._worker.until_idle()


class ClientSocket:
    """
    A ``Socket`` whose client is a list.

    Attributes:
        received: What has reached the client, oldest first.
        closed: What the connection ended with, at either end; None: it is open.
    """

    node = None

    def __init__(
        self, profile: Profile, worker: Worker, audience: LocalAudience
    ) -> None:
        self.number = self.waiting = 0
        self.profile = profile
        self.closing: Closing | None = None
        self.is_accepted = False
        self.is_gone = False
        self.is_dropped = False
        self.received: list[str | bytes] = []
        self.closed: Closing | None = None
        self._worker = worker
        self._audience = audience

    def accept(self, tags: tuple[str, ...]) -> None:
        self.profile.tags = tags
        self.is_accepted = True
        if not self.is_gone:
            self._audience.join(self)

    def send(self, frame: Frame) -> None:
        if not self.is_gone:
            self.received.append(frame.payload)

    def keep_state(self, state: bytes | None) -> None:
        self.profile.state = state

    def close(self, closing: Closing) -> None:
        if not self.is_gone:
            self.closing = closing
            self.end(closing, was_clean=True)

    def shut(self, closing: Closing) -> None:
        self.close(closing)

    async def flush(self) -> None:
        """Nothing: what is sent has arrived."""

    def drop(self, closing: Closing) -> None:
        self.is_dropped = True
        self.close(closing)

    def end(self, closing: Closing, *, was_clean: bool) -> None:
        """End it, once; the room is told, unless it has dropped the socket."""
        if self.is_gone:
            return
        self.closed = closing
        self.leave()
        if not self.is_dropped:
            self._worker.closed(self, closing, was_clean)

    def leave(self) -> None:
        """Let nothing reach the client any more."""
        self.is_gone = True
        self._audience.leave(self)
