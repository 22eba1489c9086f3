"""How much a room stores: every key's size, and whether another write still fits."""

from partyrooms.exceptions import StorageLimitExceeded

Journal = list[tuple[bytes, int] | dict[bytes, int]]
"""What a turn changed: a key's size before, or all sizes before they were cleared."""


class Quota:
    """
    The sizes of a room's entries, uncommitted ones included.

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

    def put(self, key: bytes, value_size: int, journal: Journal) -> None:
        """
        Count a write.

        Raises:
            StorageLimitExceeded: If the value or the room would be too large; nothing
                is counted then.
        """
        if value_size > self._max_value_size:
            raise StorageLimitExceeded(
                f"The value of {key.decode()!r:.64}",
                value_size,
                self._max_value_size,
                "Split it over several keys, or raise MAX_VALUE_SIZE.",
            )
        before = self._sizes.get(key, 0)
        size = len(key) + value_size
        total = self.total - before + size
        if total > self._max_room_size and size > before:
            raise StorageLimitExceeded(
                "The room",
                total,
                self._max_room_size,
                "Delete what is old, or raise MAX_ROOM_SIZE.",
            )
        journal.append((key, before))
        self._sizes[key] = size
        self.total = total

    def delete(self, key: bytes, journal: Journal) -> None:
        """Count a deletion, whether the key exists or not."""
        before = self._sizes.pop(key, 0)
        if before:
            journal.append((key, before))
            self.total -= before

    def clear(self, journal: Journal) -> None:
        """Count that everything is deleted."""
        journal.append(self._sizes)
        self._sizes = {}
        self.total = 0

    def take_back(self, journal: Journal, start: int = 0) -> None:
        """Undo what a journal holds from an index on, and shorten it."""
        while len(journal) > start:
            change = journal.pop()
            if isinstance(change, dict):
                self._sizes = change
                continue
            key, before = change
            if before:
                self._sizes[key] = before
            else:
                self._sizes.pop(key, None)
        self.total = sum(self._sizes.values())
