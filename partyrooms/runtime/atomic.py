"""``storage.atomic()``: a block in which the ORM's writes and the room's are one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from asgiref.sync import sync_to_async

from partyrooms.core.writes import UNKNOWN, WriteSet
from partyrooms.exceptions import BlockTimeout, RoomStopped, StoreUnavailable
from partyrooms.ports.records import Outcome, RoomCommit
from partyrooms.runtime.atomic_draft import AtomicDraft
from partyrooms.runtime.committer import COMMIT_RETRY_DELAYS
from partyrooms.runtime.context_variable import during
from partyrooms.runtime.data import RoomData
from partyrooms.runtime.turn import Turn, block, current, outside

logger = logging.getLogger("partyrooms.runtime")

Result = TypeVar("Result")

FORM = (
    "On the event loop write `async with self.storage.atomic():`; `with` is for hooks "
    "that are a plain `def`."
)
NESTED = (
    "atomic() cannot be opened inside transaction() or atomic(): what is committed at "
    "its end could not be undone with the block around it. Open it around "
    "transaction(), or behind it."
)


class AtomicBlock:
    """
    One ``atomic()``: a context manager, for ``async with`` and for ``with``.

    It holds the room's gate from its beginning to its end, so that nothing of the room
    is committed by anybody else, and the row's version is known.

    Args:
        data: Whose writes.
    """

    def __init__(self, data: RoomData) -> None:
        self._data = data
        self._work = data.store.atomic()
        self._outcome: Outcome | None = None
        self._is_heard = False
        self._writes = WriteSet()
        self._earlier = WriteSet()
        self._before: dict[bytes, int] = {}
        self._reserved = ExitStack()
        self._coroutine: AbstractAsyncContextManager[None] = self._in_coroutine()
        self._thread: AbstractContextManager[None] = self._in_thread()

    async def __aenter__(self) -> None:
        await self._coroutine.__aenter__()

    async def __aexit__(self, *raised: Any) -> bool | None:
        return await self._coroutine.__aexit__(*raised)

    def __enter__(self) -> None:
        self._thread.__enter__()

    def __exit__(self, *raised: Any) -> bool | None:
        return self._thread.__exit__(*raised)

    @asynccontextmanager
    async def _in_coroutine(self) -> AsyncIterator[None]:
        data, work = self._data, self._work
        around = copy_context()
        with self._collecting() as draft, during(outside, around):
            await data.gate.reserve()
            with self._reserved:
                self._reserved.callback(data.gate.free)
                async with data.store.thread() as leave:
                    self._reserved.callback(leave)
                    try:
                        await _to_its_end(sync_to_async(self._begin)())
                        self._require_fence()
                        async with _limited(data.store.atomic_limit):
                            yield
                        commit = self._take(draft)
                    except BaseException as raised:
                        await _to_its_end(sync_to_async(work.roll_back)())
                        self._require_time(raised)
                        raise
                    await _to_its_end(self._commit(commit, draft))

    async def _commit(self, commit: RoomCommit, draft: AtomicDraft) -> None:
        raised = await sync_to_async(self._attempt)(commit)
        await self._settle(commit, draft, raised)

    @contextmanager
    def _in_thread(self) -> Iterator[None]:
        data = self._data
        if data.outputs.is_on_loop:
            raise RuntimeError(FORM)
        with self._collecting() as draft:
            data.outputs.on_loop(data.gate.reserve)
            self._reserved.callback(data.gate.free)
            try:
                try:
                    self._begin()
                    data.outputs.on_loop(self._require_fence)
                    yield
                    commit = data.outputs.on_loop(self._take, draft)
                except BaseException as raised:
                    self._work.roll_back()
                    self._require_time(raised)
                    raise
                failure = self._attempt(commit)
                data.outputs.on_loop(self._settle, commit, draft, failure)
            finally:
                data.outputs.on_loop(self._reserved.close)

    @contextmanager
    def _collecting(self) -> Iterator[AtomicDraft]:
        """Give the running code a draft; what it asks for counts if the block does."""
        data = self._data
        outer = data.open_draft()
        if outer is not None and outer.outer is not None:
            raise RuntimeError(NESTED)
        turn = Turn(data.outputs) if outer is None else outer.turn
        draft = AtomicDraft(turn, turn.draft)
        try:
            with during(current, turn), during(block, draft):
                yield draft
        finally:
            draft.drop()  # nothing of it, if it is kept
            if outer is None:
                data.outputs.finish(turn)

    # In the thread of the transaction

    def _begin(self) -> None:
        self._outcome = self._work.begin(self._data.claim, self._data.gate.version)

    def _require_time(self, raised: BaseException) -> None:
        """Say that the block's time was over, whatever that has made its code raise."""
        limit = self._data.store.atomic_limit
        if limit is not None and self._work.is_late and isinstance(raised, Exception):
            raise BlockTimeout(limit) from raised

    def _attempt(self, commit: RoomCommit) -> BaseException | None:
        self._outcome = None
        self._work.on_committed = partial(self._data.outputs.soon, self._hear)
        try:
            self._outcome = self._work.commit(commit)
        except BaseException as error:  # The gate is to hear of it before anybody else.
            return error
        return None

    # On the event loop

    def _require_fence(self) -> None:
        if self._outcome is Outcome.LOST:
            self._data.gate.finish_commit(Outcome.LOST)
            raise RoomStopped(f"{self._data.key} is owned by another process now.")

    def _take(self, draft: AtomicDraft) -> RoomCommit:
        """End the draft: what it holds, and the turn before it, is to be committed."""
        data, turn, writes = self._data, draft.turn, self._writes
        data.require_life()
        turn.require_kept()
        if turn.is_open:
            self._earlier = turn.draft.take() or WriteSet()
            writes.merge(self._earlier)
        writes.merge(draft.writes)
        draft.end()
        # An alarm that is being handled is over with the block, or a crash between the
        # two commits would have the block's effects twice.
        is_ringing = (
            turn.handled_alarm is not None and data.gate.alarm is turn.handled_alarm
        )
        if is_ringing and writes.alarm is UNKNOWN:
            writes.alarm = None
        self._before = data.quota.before(writes)
        return data.gate.take_along(writes, turn, uuid4())

    def _hear(self) -> None:
        """COMMIT is done: handlers run now that may need the room, or another block."""
        self._is_heard = True
        self._data.gate.finish_commit(Outcome.COMMITTED)
        self._reserved.close()

    async def _settle(
        self, commit: RoomCommit, draft: AtomicDraft, raised: BaseException | None
    ) -> None:
        if raised is not None:
            self._outcome = await self._outcome_after(commit)
        if self._outcome is None:
            self._give_back(draft)
        elif not self._is_heard:
            self._data.gate.finish_commit(self._outcome)
        if self._outcome is Outcome.COMMITTED:
            self._say(draft)
        if self._outcome is Outcome.LOST:
            raise RoomStopped(f"{self._data.key} is owned by another process now.")
        if raised is not None and (self._outcome is None or self._work.is_committed):
            raise raised

    def _say(self, draft: AtomicDraft) -> None:
        """Let what was said in the block leave with its turn, or as one if it ended."""
        outputs, turn = self._data.outputs, draft.turn
        if turn.is_open:
            draft.keep(turn)
            return
        late = Turn(outputs)
        draft.keep(late)
        outputs.finish(late)

    def _give_back(self, draft: AtomicDraft) -> None:
        """What was taken is not written: let nothing count it any more."""
        data, turn = self._data, draft.turn
        pending = data.gate.put_back()
        data.contents.recent.clear()
        data.quota.restore(self._before, self._writes)
        data.quota.apply(pending)
        if turn.is_open:
            turn.draft.give_back(self._earlier)

    async def _outcome_after(self, commit: RoomCommit) -> Outcome | None:
        """What became of a commit that has raised."""
        if self._work.is_committed:
            return Outcome.COMMITTED
        attempt = 0
        while self._work.is_unsure:
            try:
                return await self._data.store.outcome(commit)
            except StoreUnavailable as error:
                delay = COMMIT_RETRY_DELAYS[min(attempt, len(COMMIT_RETRY_DELAYS) - 1)]
                attempt += 1
                logger.warning(
                    "Whether a block of %s was committed is asked again in %g s: %s",
                    commit.claim.key,
                    delay,
                    error,
                    extra={"action": "outcome_asked", "room": str(commit.claim.key)},
                )
                await asyncio.sleep(delay)
        return None


@asynccontextmanager
async def _limited(limit: float | None) -> AsyncIterator[None]:
    timeout = asyncio.timeout(limit)
    try:
        async with timeout:
            yield
    except TimeoutError:
        if limit is None or not timeout.expired():
            raise  # The block's own.
        raise BlockTimeout(limit) from None


async def _to_its_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Await what must not be left half done; a cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # Else asyncio says that nobody has looked.
        raise cancelled
    return task.result()
