"""The ends of sockets that a room has yet to hear of, for it could not be started."""

from typing import TYPE_CHECKING

from partyrooms.core.frames import Profile
from partyrooms.ports.cluster import Closing, Socket
from partyrooms.runtime import events
from partyrooms.runtime.lost_socket import LostSocket

if TYPE_CHECKING:
    from partyrooms.runtime.lifecycle import Lifecycle
    from partyrooms.server.node import Node


class MissedCloses:
    """
    Whom ``on_close`` is owed; the next life begins with them.

    The room was asleep when the socket ended, or the socket's process did, or the
    room's failed start has ended it. At most one for each socket that was let in, and
    none is let in meanwhile.

    Args:
        lives: The room's worker, which is kept for as long as it owes anything.
        node: Where it runs.
    """

    def __init__(self, lives: "Lifecycle", node: "Node") -> None:
        self._lives = lives
        self._node = node
        self._owed: dict[Socket, events.Closed] = {}

    def give_up(self, event: events.Event, error: Exception) -> None:
        """Let an event fail for which the room could not be started."""
        socket: Socket | None = getattr(event, "socket", None)
        was_in = socket is not None and socket.is_accepted and not socket.is_dropped
        event.abandon(error)
        if socket is None or not was_in:
            return
        if isinstance(event, events.Closed):
            self._owe(socket, event.closing, event.was_clean)
        elif socket.is_dropped:
            self._owe(socket, socket.closing or events.ROOM_FAILED, True)

    def note_lost(self, profiles: list[Profile]) -> None:
        """The process of these sockets died while nobody ran the room."""
        for profile in profiles:
            self._owe(LostSocket(profile), (1006, ""), False)

    def take(self) -> list[events.Closed]:
        """All of them, in order; they are owed no more."""
        owed, self._owed = list(self._owed.values()), {}
        self._node.kept_workers.discard(self._lives)
        return owed

    def _owe(self, socket: Socket, closing: Closing, was_clean: bool) -> None:
        self._owed.setdefault(
            socket, events.Closed(socket, closing, was_clean, is_owed=True)
        )
        self._node.kept_workers.add(self._lives)
