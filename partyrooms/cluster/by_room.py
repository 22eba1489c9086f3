"""One object for each room, kept alive by its users."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from partyrooms.core.keys import RoomKey

Kept = TypeVar("Kept")


class ByRoom(Generic[Kept]):
    """
    Objects that are made when a room's is first asked for.

    Args:
        make: Makes a room's.
    """

    def __init__(self, make: Callable[[RoomKey], Kept]) -> None:
        self._make = make
        self._found: WeakValueDictionary[RoomKey, Kept] = WeakValueDictionary()

    def of(self, key: RoomKey) -> Kept:
        """A room's; as long as somebody holds it, this gives the same one."""
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._make(key)
        return found

    def get(self, key: RoomKey) -> Kept | None:
        """A room's, if somebody holds it."""
        return self._found.get(key)

    def all(self) -> list[Kept]:
        """Those that somebody holds."""
        return list(self._found.values())
