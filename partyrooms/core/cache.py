"""Values that a room has read or written lately, and need not read again."""

MAX_SIZE = 256 * 1024
"""Bytes of all values kept for one room."""

MAX_VALUE_SIZE = 64 * 1024
"""A larger value would push out too many others."""


class RecentValues:
    """
    The encoded values of some keys, the least recently used one leaving first.

    Right only for the room's owner, which hears of each write.

    Attributes:
        generation: Rises with each write; a read that began before one is not kept.
    """

    __slots__ = ("_size", "_values", "generation")

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._size = 0
        self.generation = 0

    def get(self, key: bytes) -> bytes | None:
        """The value; None: not kept."""
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
        return value

    def written(self, key: bytes, value: bytes | None) -> None:
        """A key has this value now; None: it is deleted."""
        self.generation += 1
        self._forget(key)
        if value is not None:
            self._keep(key, value)

    def read(self, values: dict[bytes, bytes], generation: int) -> None:
        """The store gave these values to a read that began at a generation."""
        if generation == self.generation:
            for key, value in values.items():
                self._forget(key)
                self._keep(key, value)

    def clear(self) -> None:
        """Keep nothing: everything was deleted, or writes were taken back."""
        self.generation += 1
        self._values.clear()
        self._size = 0

    def _keep(self, key: bytes, value: bytes) -> None:
        if len(value) > MAX_VALUE_SIZE:
            return
        self._values[key] = value
        self._size += len(value)
        while self._size > MAX_SIZE:
            self._forget(next(iter(self._values)))

    def _forget(self, key: bytes) -> None:
        self._size -= len(self._values.pop(key, b""))
