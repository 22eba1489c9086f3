"""``Room.storage``: a room's durable key-value data, as the room's class sees it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from partyrooms.core.ranges import key_span
from partyrooms.core.values import decode, encode, encode_key
from partyrooms.core.writes import BUFFERED, Buffered
from partyrooms.runtime.alarm_storage import AlarmStorage
from partyrooms.runtime.atomic import AtomicBlock
from partyrooms.runtime.context_variable import during
from partyrooms.runtime.data import RoomData
from partyrooms.runtime.turn import Draft, Turn, block, current


class Storage(AlarmStorage):
    """
    What one room stores; no other room can read it.

    Writes are buffered and never wait for the disk: whatever the turn sends or returns
    waits for the commit instead. Reads see the room's own writes at once. Values come
    back equal and of the same type: JSON types, bytes, datetime, date, time,
    timedelta, Decimal, UUID, tuple and set; a value read is the caller's own copy.
    """

    def __init__(self, data: RoomData) -> None:
        self._data = data

    async def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or ``default``."""
        encoded = encode_key(key)
        found = await self._data.read((encoded,))
        return decode(found[encoded]) if encoded in found else default

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those keys that exist, in the order asked for."""
        if isinstance(keys, str):
            raise TypeError(f"get_many takes a list of keys; {keys!r:.64} is one.")
        wanted = {key: encode_key(key) for key in keys}
        found = await self._data.read(tuple(wanted.values()))
        return {k: decode(found[e]) for k, e in wanted.items() if e in found}

    def put(self, key: str, value: Any) -> Buffered:
        """
        Set a key's value; the awaitable may be ignored.

        Raises:
            StorageLimitExceeded: If key, value or room would be too large; nothing is
                written then.
            TypeError: If the value would not come back as it is.
        """
        return self.put_many({key: value})

    def put_many(self, mapping: Mapping[str, Any]) -> Buffered:
        """Set several values, or none if one of them cannot be; see ``put``."""
        encoded = {encode_key(k): encode(v) for k, v in mapping.items()}
        with self._data.writing() as draft:
            draft.put(encoded, self._data.quota)
        return BUFFERED

    def delete(self, key: str) -> Buffered:
        """Remove a key, whether it exists or not; the awaitable may be ignored."""
        return self.delete_many((key,))

    def delete_many(self, keys: Iterable[str]) -> Buffered:
        """Remove several keys, whether they exist or not."""
        if isinstance(keys, str):
            raise TypeError(f"delete_many takes a list of keys; {keys!r:.64} is one.")
        encoded = [encode_key(key) for key in keys]
        with self._data.writing() as draft:
            for key in encoded:
                draft.delete(key, self._data.quota)
        return BUFFERED

    def delete_all(self) -> Buffered:
        """Remove everything that the room has stored so far, its alarm included."""
        with self._data.writing() as draft:
            draft.clear(self._data.quota)
        return BUFFERED

    async def list(
        self,
        prefix: str | None = None,
        *,
        start: str | None = None,
        start_after: str | None = None,
        end: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> dict[str, Any]:
        """
        The keys of a range with their values, ascending by UTF-8 bytes.

        Args:
            prefix: Only keys that begin so.
            start: The first key, included.
            start_after: The key before the first one; not together with ``start``.
            end: Where to stop, excluded.
            limit: How many at most.
            reverse: From the end backwards; the bounds keep their meaning.

        Raises:
            TypeError: If a bound is no ``str``, or the limit no ``int``.
            ValueError: If ``start`` and ``start_after`` are both given, or the limit
                is negative.
        """
        span = key_span(prefix, start, start_after, end, limit, reverse)
        rows = await self._data.scan(span)
        return {key.decode(): decode(value) for key, value in rows}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """
        Make the block's writes all or nothing; an exception drops them and goes on.

        Blocks may be nested, and may run at the same time in tasks of the hook's own:
        none sees what another one has written before that ends. Outside of a turn the
        block is a turn of its own.
        """
        data = self._data
        outer = data.open_draft()
        own: Turn | None = None
        if outer is None:
            await data.gate.space()
            own = Turn(data.outputs)
            outer = own.draft
        inner = Draft(outer.turn, outer)
        with during(current, inner.turn), during(block, inner):
            try:
                yield
                data.merge(inner)
            except BaseException:
                inner.drop()
                if own is not None:
                    own.drop()
                raise
        if own is not None:
            data.outputs.finish(own)

    def atomic(self) -> AtomicBlock:
        """
        Make your own models' writes and the room's one database transaction.

        ``async with self.storage.atomic():`` in a coroutine, ``with`` in a hook that is
        a plain ``def``. What the turn has written before is in it. An exception in the
        block, or of COMMIT, undoes all of it, drops what the block has sent, and goes
        on; behind the block everything is committed, whatever becomes of the turn. Your
        models must be in ``PARTYROOMS["DATABASE"]``.

        Raises:
            RuntimeError: If it is opened inside itself, ``transaction()``, or
                ``transaction.atomic()``.
            RoomStopped: If the room is owned elsewhere now: nothing is written.
            StoreUnavailable: If the database did not answer: nothing is written.
            BlockTimeout: If the block took longer than half of ``LEASE_TTL``.
        """
        return AtomicBlock(self._data)

    async def sync(self) -> None:
        """
        Wait until all writes so far are committed.

        This turn's are among them: if the turn fails later, they stay.

        Raises:
            RoomStopped: If they could not be, for the room is owned elsewhere now.
            RuntimeError: Inside ``transaction()`` or ``atomic()``, which could not be
                undone any more.
        """
        draft = self._data.open_draft()
        if draft is not None and draft.outer is not None:
            raise RuntimeError(
                "sync() cannot be called inside transaction() or atomic(): its writes "
                "would be committed before the block ends. Call it after the block."
            )
        await self._data.gate.commit(None if draft is None else draft.turn)
