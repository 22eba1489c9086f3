"""A socket's way into its room: it asks to be let in, and its end is told once."""

from partyrooms.delivery.local_socket import LocalSocket
from partyrooms.exceptions import ConnectionTrouble, TooSlow
from partyrooms.ports.rooms import Chain, RoomInbox
from partyrooms.ports.sockets import Closing, ConnectionContext


class Attachment:
    """
    Puts what becomes of one socket into its room's inbox.

    Args:
        inbox: The room's.
        socket: The client's.
    """

    def __init__(self, inbox: RoomInbox, socket: LocalSocket) -> None:
        self._inbox = inbox
        self._socket = socket
        self._is_connected = False

    def connect(self, context: ConnectionContext, chain: Chain = ()) -> None:
        """Ask the room to let the socket in; the socket is told the outcome."""
        self._is_connected = True
        self._inbox.connect(self._socket, context, chain)

    def cut_off(self, trouble: ConnectionTrouble) -> None:
        """Close the socket, and tell the room why."""
        closing = (trouble.close_code, trouble.reason)
        if isinstance(trouble, TooSlow):
            self._socket.cut_off(closing)
        else:
            self._socket.close(closing)
        self._inbox.trouble(self._socket, trouble)
        self.report(closing, was_clean=False)

    def report(self, closing: Closing, was_clean: bool) -> None:
        """
        Tell the room that the socket has ended; only the first call does.

        A room that never heard of the socket, or dropped it, is told nothing.
        """
        if self._is_connected:
            self._is_connected = False
            if not self._socket.is_dropped:
                closing = self._socket.closing or closing
                self._inbox.closed(self._socket, closing, was_clean)
