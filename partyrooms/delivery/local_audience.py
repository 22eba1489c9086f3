"""The accepted sockets of one room in this process."""

from partyrooms.ports.records import Claim
from partyrooms.ports.sockets import Broadcast, Socket


class LocalAudience:
    """Sockets in the order in which their sockets were accepted."""

    __slots__ = ("__weakref__", "_sockets")

    def __init__(self) -> None:
        self._sockets: dict[Socket, None] = {}

    def open(self, claim: Claim, *, hibernates: bool) -> None:
        """Nothing: a socket here is at no owner but this process."""

    def close(self) -> None:
        """Nothing: the next life has the same sockets."""

    def join(self, socket: Socket) -> None:
        """Let a socket get broadcasts from now on."""
        self._sockets[socket] = None

    def leave(self, socket: Socket) -> None:
        """Let a socket get no more broadcasts; it may have left before."""
        self._sockets.pop(socket, None)

    def broadcast(self, broadcast: Broadcast) -> None:
        """Queue a frame at each socket but those whose ids are left out."""
        frame, without = broadcast
        # A copy: a socket that is too slow leaves while its turn comes.
        for socket in tuple(self._sockets):
            if not without or socket.profile.id not in without:
                socket.send(frame)

    def sockets(self) -> tuple[Socket, ...]:
        """Every socket, in the order in which they were accepted."""
        return tuple(self._sockets)

    def __len__(self) -> int:
        return len(self._sockets)
