"""What one life of a room keeps: writes on their way, and what was read before."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from partyrooms.core.cache import RecentValues
from partyrooms.core.keys import RoomKey
from partyrooms.core.quota import Quota
from partyrooms.core.ranges import Span, overlay, stored_span
from partyrooms.core.writes import UNKNOWN, WriteSet, merged
from partyrooms.exceptions import RoomStopped
from partyrooms.ports.records import Claim
from partyrooms.ports.store import Store
from partyrooms.runtime.gate import Gate
from partyrooms.runtime.outputs import Outputs
from partyrooms.runtime.turn import Draft, Turn, block, current


class Contents:
    """
    What the room holds, the turns that have ended included.

    Args:
        quota: Sizes by key, for the limits.
    """

    __slots__ = ("quota", "recent")

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self.recent = RecentValues()

    def written(self, writes: WriteSet) -> None:
        """A turn has ended: its writes are the room's."""
        self.quota.apply(writes)
        if writes.cleared:
            self.recent.clear()
        for key, value in writes.entries.items():
            self.recent.written(key, value)


class RoomData:
    """
    Reads and writes of one life.

    Args:
        key: Which room.
        claim: Under which ownership.
        store: Where it is stored.
        contents: What it holds.
        outputs: Whose turns the writes belong to.
        wall_clock: Seconds since 1970.
    """

    __slots__ = (
        *("claim", "contents", "gate", "key"),
        *("outputs", "record", "store", "wall_clock"),
    )

    def __init__(
        self,
        key: RoomKey,
        claim: Claim,
        *,
        store: Store,
        contents: Contents,
        outputs: Outputs,
        wall_clock: Callable[[], float],
    ) -> None:
        self.key = key
        self.claim = claim
        self.record = claim.record
        self.store = store
        self.contents = contents
        self.outputs = outputs
        self.gate: Gate = outputs.gate
        self.wall_clock = wall_clock

    @property
    def quota(self) -> Quota:
        """Sizes by key, for the limits."""
        return self.contents.quota

    def require_life(self) -> None:
        """
        Refuse to write for a life that is over.

        Raises:
            RoomStopped: If it is.
        """
        if self.outputs.is_over:
            raise RoomStopped(f"This life of {self.key} is over; it writes no more.")

    def open_draft(self) -> Draft | None:
        """
        Where the running code's writes go; None: each is a turn of its own.

        Raises:
            TurnOver: If the code's hook was cancelled.
        """
        turn = self.outputs.open_turn()
        inner = block.get()
        # A block collects its writes though the turn around it has ended.
        if inner is not None and inner.turn is current.get() and inner.is_open:
            return inner if inner.turn.source is self.outputs else None
        return None if turn is None else turn.draft

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """
        Where a write goes; outside of a turn one of its own, closed after the block.

        Raises:
            RoomStopped: If this life is over.
            TurnOver: If the code's hook was cancelled.
            GateFull: If too many turns wait, and this would be one.
        """
        self.require_life()
        draft = self.open_draft()
        if draft is not None:
            yield draft
            return
        self.gate.require_space()
        turn = Turn(self.outputs)
        try:
            yield turn.draft
        except BaseException:
            turn.drop()
            raise
        self.outputs.finish(turn)

    def merge(self, draft: Draft) -> None:
        """
        End a block whose writes count; a turn of their own if its turn has ended.

        Raises:
            RuntimeError: If its turn was dropped, and the block with it.
        """
        if not draft.merge():
            turn = Turn(self.outputs)
            turn.draft.receive(draft.writes, self.quota)
            self.outputs.finish(turn)

    async def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values of those keys that exist, as the running code sees them."""
        layers = self._layers()
        recent = self.contents.recent
        found: dict[bytes, bytes] = {}
        missing: list[bytes] = []
        for key in keys:
            value = _lookup(layers, key)
            if value is UNKNOWN and key in self.quota:
                value = recent.get(key) or UNKNOWN
                if value is UNKNOWN:
                    missing.append(key)
            if isinstance(value, bytes):
                found[key] = value
        if missing:
            generation = recent.generation
            stored = await self.store.read(self.record, missing)
            recent.read(stored, generation)
            found.update(stored)
        return found

    async def scan(self, span: Span) -> Sequence[tuple[bytes, bytes]]:
        """The keys and values of a range, as the running code sees them."""
        # Merged at once: what is written while the store is asked comes too late.
        writes = merged(self._layers())
        wanted = stored_span(span, writes)
        stored: Sequence[tuple[bytes, bytes]] = ()
        if wanted is not None:
            stored = await self.store.scan(self.record, wanted)
        return overlay(span, stored, writes)

    def _layers(self) -> Sequence[WriteSet]:
        """Everything written and perhaps not stored yet, oldest first."""
        draft = self.open_draft()
        own = () if draft is None else draft.layers()
        return [*self.gate.layers, *own]


def _lookup(layers: Sequence[WriteSet], key: bytes) -> Any:
    for layer in reversed(layers):
        value = layer.lookup(key)
        if value is not UNKNOWN:
            return value
    return UNKNOWN
