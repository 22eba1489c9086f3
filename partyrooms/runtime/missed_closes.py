"""``on_close`` calls that a room has missed, because it could not be started."""

from collections.abc import Callable, Iterable

from partyrooms.core.frames import Frame, Profile
from partyrooms.ports.sockets import Closing, Socket
from partyrooms.runtime.events import ROOM_FAILED, Closed, Event


class LostSocket:
    """A ``Socket`` whose process is gone: nothing reaches it any more."""

    number = waiting = 0
    node = None
    is_accepted = True
    is_gone = True
    is_dropped = False

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.closing: Closing | None = None

    def accept(self, tags: tuple[str, ...]) -> None: ...
    def send(self, frame: Frame) -> None: ...
    def keep_state(self, state: bytes | None) -> None: ...
    def close(self, closing: Closing) -> None: ...
    def drop(self, closing: Closing) -> None: ...


class MissedCloses:
    """
    The sockets whose ``on_close`` is still to be called; the next life begins with it.

    The room was hibernating when the socket or its process ended, or the room's failed
    start has ended it. There is at most one entry for each socket that was let in, and
    no other socket is let in meanwhile.

    Args:
        on_change: Called with whether there are any, when that may have changed.
    """

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._missed: dict[Socket, Closed] = {}

    def give_up(self, event: Event, error: Exception) -> None:
        """Let an event fail for which the room could not be started."""
        socket = event.client()
        was_in = socket is not None and socket.is_accepted and not socket.is_dropped
        event.abandon(error)
        if socket is None or not was_in:
            return
        if isinstance(event, Closed):
            self._add(socket, event.closing, event.was_clean)
        elif socket.is_dropped:
            self._add(socket, socket.closing or ROOM_FAILED, True)

    def add_lost(self, profiles: Iterable[Profile]) -> None:
        """The process of these sockets died while nobody ran the room."""
        for profile in profiles:
            self._add(LostSocket(profile), (1006, ""), False)

    def take(self) -> list[Closed]:
        """Take all of them, in order."""
        missed, self._missed = list(self._missed.values()), {}
        self._on_change(False)
        return missed

    def _add(self, socket: Socket, closing: Closing, was_clean: bool) -> None:
        missed = Closed(socket, closing, was_clean, is_missed=True)
        self._missed.setdefault(socket, missed)
        self._on_change(True)
