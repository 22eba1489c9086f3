"""How much a room stores: every key's size, and whether another write still fits."""

from typing import Protocol

from partyrooms.core.writes import WriteSet, merged
from partyrooms.exceptions import StorageLimitExceeded


class Writer(Protocol):
    """
    Code whose writes are not the room's yet.

    Attributes:
        writes: Its own.
    """

    writes: WriteSet

    @property
    def may_count(self) -> bool:
        """Whether its writes can still become the room's."""

    def layers(self) -> list[WriteSet]:
        """Its own writes and those that it sees below them, oldest first."""


class Quota:
    """
    The sizes of a room's entries: what is stored, and what ended turns have written.

    Args:
        sizes: Bytes of key and value, for each key stored; kept and changed.
        max_value_size: Bytes that one value may have, encoded.
        max_room_size: Bytes that all keys and values may have.
    """

    __slots__ = (
        *("_latest", "_latest_total", "_max_room_size", "_max_value_size"),
        *("_open", "_sizes", "total"),
    )

    def __init__(
        self, sizes: dict[bytes, int], *, max_value_size: int, max_room_size: int
    ) -> None:
        self._sizes = sizes
        self._max_value_size = max_value_size
        self._max_room_size = max_room_size
        self.total = sum(sizes.values())
        self._open: dict[Writer, None] = {}
        self._latest: Writer | None = None
        self._latest_total = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._sizes

    def size(self, key: bytes) -> int:
        """Bytes of a key and its value; 0: there is none."""
        return self._sizes.get(key, 0)

    def open(self, writer: Writer) -> None:
        """Count what somebody has written as long as it may become the room's."""
        self._open[writer] = None
        self._latest = None

    def enter(self, writer: Writer) -> int:
        """
        Begin a write.

        Returns:
            Bytes of the room as the writer sees it, and what others may add to them.
        """
        if self._latest is not writer:
            self._open[writer] = None
            self._latest_total = self._total_for(writer)
            self._latest = writer
        return self._latest_total

    def note(self, total: int) -> None:
        """What ``enter`` would return after a write of the same writer."""
        if total < self._latest_total and len(self._open) > 1:
            # What another writer has of a key counts now that this one has removed it.
            self._latest = None
        self._latest_total = total

    def reread(self) -> None:
        """What a writer sees may have changed: count it anew."""
        self._latest = None

    def leave(self, writer: Writer) -> None:
        """What somebody has written is the room's, or never will be."""
        self._open.pop(writer, None)
        self._latest = None

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
        self._latest = None
        if writes.cleared:
            self._sizes.clear()
            self.total = 0
        for key, size in before.items():
            self.total += size - self._sizes.pop(key, 0)
            if size:
                self._sizes[key] = size

    def apply(self, writes: WriteSet) -> None:
        """A turn has ended: count what it has written."""
        self._latest = None
        sizes = self._sizes
        if writes.cleared:
            sizes.clear()
            self.total = 0
        for key, value in writes.entries.items():
            self.total -= sizes.pop(key, 0)
            if value is not None:
                sizes[key] = size = len(key) + len(value)
                self.total += size

    def _total_for(self, writer: Writer) -> int:
        layers = writer.layers()
        own = merged(layers)
        stored = {} if own.cleared else self._sizes
        total = 0 if own.cleared else self.total
        for key, value in own.entries.items():
            total += _size(key, value) - stored.get(key, 0)
        # Nobody knows which of the others will be kept: what makes the room larger
        # counts, and what makes it smaller does not.
        added: dict[bytes, int] = {}
        for one in self._open:
            if not one.may_count or any(one.writes is layer for layer in layers):
                continue
            for key, value in one.writes.entries.items():
                added[key] = max(added.get(key, 0), _size(key, value))
        for key, size in added.items():
            known = (
                _size(key, own.entries[key])
                if key in own.entries
                else stored.get(key, 0)
            )
            total += max(0, size - known)
        return total


def _size(key: bytes, value: bytes | None) -> int:
    return 0 if value is None else len(key) + len(value)
