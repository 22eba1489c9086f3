"""The sockets of one process, whose rooms may be elsewhere: all, and by user."""

from collections.abc import Iterator
from weakref import WeakKeyDictionary, WeakSet

from partyrooms.core.keys import RoomKey
from partyrooms.ports.sockets import OwnSocket


class SocketTable:
    """Finds a user's sockets without a look at those of others."""

    def __init__(self) -> None:
        self._all: WeakSet[OwnSocket] = WeakSet()
        self._by_user: dict[str, WeakKeyDictionary[OwnSocket, RoomKey]] = {}

    def add(self, socket: OwnSocket, key: RoomKey) -> None:
        """List a socket, which asks to be let into a room."""
        self._all.add(socket)
        user_id = socket.profile.user_id
        if user_id is not None:
            self._by_user.setdefault(user_id, WeakKeyDictionary())[socket] = key

    def discard(self, socket: OwnSocket) -> None:
        """A socket has ended."""
        self._all.discard(socket)
        user_id = socket.profile.user_id or ""
        listed = self._by_user.get(user_id)
        if listed is not None:
            listed.pop(socket, None)
            if not listed:
                del self._by_user[user_id]

    def of_user(self, user_id: str, party: str | None = None) -> list[OwnSocket]:
        """A user's sockets, in the rooms of one party or in all."""
        listed = self._by_user.get(user_id)
        found = () if listed is None else tuple(listed.items())
        return [one for one, key in found if party in (None, key.party)]

    def __iter__(self) -> Iterator[OwnSocket]:
        return iter(self._all)
