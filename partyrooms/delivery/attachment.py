"""A client's socket and its room: connecting, trouble, and the end, once."""

from typing import Any

from partyrooms.core.frames import Profile
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.exceptions import ConnectionTrouble, TooSlow
from partyrooms.ports.rooms import Chain, RoomInbox
from partyrooms.ports.sockets import Closing, ConnectionContext


class Attachment:
    """
    Makes one client's socket, and puts its events into its room's inbox.

    Attributes:
        inbox: The room's.
        socket: The client's.

    Args:
        node: The node of this event loop.
        key: The room.
        profile: What is known of the connection.
        options: What else ``LocalSocket`` takes.
    """

    def __init__(
        self, node: Any, key: RoomKey, profile: Profile, **options: Any
    ) -> None:
        self.inbox: RoomInbox = node.cluster.inbox(key)
        self.socket = LocalSocket(
            profile,
            audience=node.cluster.local_audience(key),
            max_queued=node.settings.max_queued_bytes,
            **options,
        )
        self._is_connected = False
        node.cluster.attach(self.socket)
        self._sockets = node.rooms.sockets
        self._sockets.add(self.socket, key)

    def leave(self, closing: Closing, was_clean: bool) -> None:
        """Report the end, and send nothing more."""
        self.report(closing, was_clean)
        self._sockets.discard(self.socket)
        self.socket.leave()
        self.socket.stop()

    def connect(self, context: ConnectionContext, chain: Chain = ()) -> None:
        """Ask the room to accept the socket, which then is accepted or closed."""
        self._is_connected = True
        self.inbox.connect(self.socket, context, chain)

    def cut_off(self, trouble: ConnectionTrouble) -> None:
        """Close the socket; the room's ``on_error`` gets the reason."""
        closing = (trouble.close_code, trouble.reason)
        if isinstance(trouble, TooSlow):
            self.socket.cut_off(closing)
        else:
            self.socket.close(closing)
        self.inbox.trouble(self.socket, trouble)
        self.report(closing, was_clean=False)

    def report(self, closing: Closing, was_clean: bool) -> None:
        """
        Put the end of the socket into the room's inbox; only the first call does.

        Nothing is put in for a socket that never asked to connect, or was dropped.
        """
        if self._is_connected:
            self._is_connected = False
            if not self.socket.is_dropped:
                closing = self.socket.closing or closing
                self.inbox.closed(self.socket, closing, was_clean)
