"""What a room has written and the database has not: one net effect for each key."""

from collections.abc import Awaitable, Generator, Iterable
from enum import Enum, auto
from typing import Any, Final, Literal

from partyrooms.core.alarm import Alarm


class Lookup(Enum):
    """What a write buffer says about a key that it has not touched."""

    UNKNOWN = auto()


UNKNOWN: Final = Lookup.UNKNOWN


class Buffered(Awaitable[None]):
    """What a write returns: done already, so awaiting it costs nothing."""

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


BUFFERED: Final = Buffered()


class WriteSet:
    """
    Buffered writes of one room, reduced to what is left of them.

    Attributes:
        cleared: Everything stored before these writes is gone.
        entries: The value of each key written; None: deleted. A cleared buffer keeps
            no deletions, for there is nothing left to delete.
        alarm: The room's alarm; None: deleted; ``UNKNOWN``: not touched.
    """

    __slots__ = ("alarm", "cleared", "entries")

    cleared: bool
    entries: dict[bytes, bytes | None]
    alarm: Alarm | Literal[Lookup.UNKNOWN] | None

    def __init__(self) -> None:
        self.cleared = False
        self.entries = {}
        self.alarm = UNKNOWN

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key's value."""
        self.entries[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key, whether it exists or not."""
        if self.cleared:
            self.entries.pop(key, None)
        else:
            self.entries[key] = None

    def clear(self) -> None:
        """Remove everything written and stored so far, alarm included."""
        self.cleared = True
        self.alarm = None
        self.entries.clear()

    def merge(self, later: "WriteSet") -> None:
        """Apply writes that came after these; ``later`` itself stays as it is."""
        if later.cleared:
            self.clear()
        if later.alarm is not UNKNOWN:
            self.alarm = later.alarm
        if not self.cleared:
            self.entries.update(later.entries)
            return
        for key, value in later.entries.items():
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value

    def lookup(self, key: bytes) -> bytes | Literal[Lookup.UNKNOWN] | None:
        """A key's value; None: it is gone; ``UNKNOWN``: ask who came before."""
        return self.entries.get(key, None if self.cleared else UNKNOWN)

    def __bool__(self) -> bool:
        return self.cleared or bool(self.entries) or self.alarm is not UNKNOWN

    def __repr__(self) -> str:
        start = "everything cleared, " if self.cleared else ""
        return f"<WriteSet: {start}{len(self.entries)} keys>"


def merged(layers: Iterable[WriteSet]) -> WriteSet:
    """The net effect of several buffers, the oldest first."""
    writes = WriteSet()
    for layer in layers:
        writes.merge(layer)
    return writes
