"""How much a room stores: every key's size, and whether another write still fits."""

from partyrooms.core.writes import WriteSet
from partyrooms.exceptions import StorageLimitExceeded


class Quota:
    """
    The sizes of a room's entries: what is stored, and what ended turns have written.

    Args:
        sizes: Bytes of key and value, for each key stored; kept and changed.
        max_value_size: Bytes that one value may have, encoded.
        max_room_size: Bytes that all keys and values may have.
    """

    __slots__ = ("_max_room_size", "_max_value_size", "_sizes", "total")

    def __init__(
        self, sizes: dict[bytes, int], *, max_value_size: int, max_room_size: int
    ) -> None:
        self._sizes = sizes
        self._max_value_size = max_value_size
        self._max_room_size = max_room_size
        self.total = sum(sizes.values())

    def __contains__(self, key: bytes) -> bool:
        return key in self._sizes

    def size(self, key: bytes) -> int:
        """Bytes of a key and its value; 0: there is none."""
        return self._sizes.get(key, 0)

    def growth(self, key: bytes, value_size: int, *, before: int, total: int) -> int:
        """
        By how many bytes a write would make the room grow.

        Args:
            key: The key.
            value_size: Bytes of the new value.
            before: Bytes of the key and its value as the writer sees them.
            total: Bytes of the room as the writer sees it.

        Raises:
            StorageLimitExceeded: If the value or the room would be too large.
        """
        if value_size > self._max_value_size:
            raise StorageLimitExceeded(
                f"The value of {key.decode()!r:.64}",
                value_size,
                self._max_value_size,
                "Split it over several keys, or raise MAX_VALUE_SIZE.",
            )
        growth = len(key) + value_size - before
        if total + growth > self._max_room_size and growth > 0:
            raise StorageLimitExceeded(
                "The room",
                total + growth,
                self._max_room_size,
                "Delete what is old, or raise MAX_ROOM_SIZE.",
            )
        return growth

    def before(self, writes: WriteSet) -> dict[bytes, int]:
        """The sizes of what writes will change, for ``restore``; 0: not there."""
        if writes.cleared:
            return dict(self._sizes)
        return {key: self.size(key) for key in writes.entries}

    def restore(self, before: dict[bytes, int], writes: WriteSet) -> None:
        """What was applied is not written: count as ``before`` the writes."""
        if writes.cleared:
            self._sizes.clear()
            self.total = 0
        for key, size in before.items():
            self.total += size - self._sizes.pop(key, 0)
            if size:
                self._sizes[key] = size

    def apply(self, writes: WriteSet) -> None:
        """A turn has ended: count what it has written."""
        sizes = self._sizes
        if writes.cleared:
            sizes.clear()
            self.total = 0
        for key, value in writes.entries.items():
            self.total -= sizes.pop(key, 0)
            if value is not None:
                sizes[key] = size = len(key) + len(value)
                self.total += size
