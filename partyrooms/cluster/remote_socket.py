"""A socket in another process, as its room sees it."""

from typing import TYPE_CHECKING

from partyrooms.core import wire as wire
from partyrooms.core.frames import Frame, Profile
from partyrooms.ports.sockets import Closing

if TYPE_CHECKING:
    from partyrooms.cluster.subscription import Subscription


class RemoteSocket:
    """A socket in another process, as its room sees it; a ``Socket``."""

    __slots__ = (
        *("profile", "closing", "number"),
        *("is_accepted", "is_gone", "is_dropped"),
        "_subscription",
    )

    def __init__(
        self, subscription: "Subscription", number: int, profile: Profile
    ) -> None:
        self.profile = profile
        self.number = number
        self.closing: Closing | None = None
        self.is_accepted = False
        self.is_gone = False
        self.is_dropped = False
        self._subscription = subscription

    @property
    def node(self) -> bytes:
        """The process that has the socket."""
        return self._subscription.link.node

    def accept(self, tags: tuple[str, ...]) -> None:
        """Answer the handshake; from now on the socket is in its room's audience."""
        self.profile.tags = tags
        self.is_accepted = True
        self._subscription.send(wire.Accept, socket=self.number, tags=tags)

    def send(self, frame: Frame) -> None:
        """Queue a frame."""
        self._subscription.send(wire.Send, socket=self.number, payload=frame.payload)

    def keep_state(self, state: bytes | None) -> None:
        """Keep the connection's state."""
        self.profile.state = state
        self._subscription.send(wire.Keep, socket=self.number, state=state)

    def close(self, closing: Closing) -> None:
        """Close the socket behind what is queued; its end will be reported."""
        if self.closing is None:
            self._close(closing, drop=False)

    def drop(self, closing: Closing) -> None:
        """Close the socket, accepted or not, without wanting to hear of its end."""
        self.is_dropped = self.is_gone = True
        self._close(closing, drop=True)
        self._subscription.sockets.pop(self.number, None)

    def _close(self, closing: Closing, *, drop: bool) -> None:
        self.closing = closing
        code, reason = closing
        self._subscription.send(
            wire.Close, socket=self.number, code=code, reason=reason, drop=drop
        )
