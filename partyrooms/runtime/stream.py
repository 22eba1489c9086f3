"""A streamed answer on its way out of its room: as fast as it is read, no faster."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from partyrooms.ports.rooms import Sink
from partyrooms.runtime.outputs import Outputs

CreateTask = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]

PIECE_SIZE = 64 * 1024
"""Bytes that travel at once; a longer chunk is cut."""

FULL_DELAY = 0.02
"""Seconds before another look at a way that takes nothing more."""


class StreamWriter:
    """
    A ``Source``: what ``on_request`` yields, taken as its reader grants.

    The generator runs outside of any turn, from the first grant on, until it ends, the
    reader leaves, or the room's life ends. What it yields passes the output gate: it
    leaves behind the commit of what was written before.

    Args:
        chunks: The generator.
        outputs: Of the life that answers.
        create_task: Runs work in the background of that life.
        on_over: Called once, when the stream has ended.
    """

    def __init__(
        self,
        chunks: AsyncIterator[str | bytes],
        *,
        outputs: Outputs,
        create_task: CreateTask,
        on_over: Callable[["StreamWriter"], None],
    ) -> None:
        self._chunks = chunks
        self._outputs = outputs
        self._create_task = create_task
        self._on_over = on_over
        self._granted = 0
        self._grant: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self, sink: Sink) -> None:
        """Say who reads; called once, and nothing comes before the first grant."""
        self._sink = sink
        if self._outputs.is_over:
            sink.end(True)
            return
        self._task = self._create_task(self._pump(sink))

    def grant(self, size: int) -> None:
        """Let so many bytes more come."""
        self._granted += size
        if self._grant is not None and not self._grant.done():
            self._grant.set_result(None)

    def leave(self) -> None:
        """Nobody reads any more: close the generator."""
        self._sink = None
        self.cut()

    def cut(self) -> None:
        """Close the generator before its end, and tell the reader."""
        if self._task is not None:
            self._task.cancel()
        self._over(True)

    async def _pump(self, sink: Sink) -> None:
        try:
            await self._wait_for_grant(sink)
            async for chunk in self._chunks:
                for piece in _pieces(_as_bytes(chunk)):
                    await self._wait_for_grant(sink)
                    await self._outputs.gate.space()
                    self._granted -= len(piece)
                    self._outputs.put_out_alone(self._deliver, piece)
        except BaseException:  # A generator may also be left by a CancelledError.
            self._outputs.put_out_alone(self._over, True)
            raise  # to on_exception
        else:
            self._outputs.put_out_alone(self._over, False)
        finally:
            close = getattr(self._chunks, "aclose", None)
            if close is not None:
                await close()

    async def _wait_for_grant(self, sink: Sink) -> None:
        while self._granted <= 0:
            self._grant = asyncio.get_running_loop().create_future()
            await self._grant
        while sink.is_full:  # noqa: ASYNC110 - a link has no way to say when it is not
            await asyncio.sleep(FULL_DELAY)

    def _deliver(self, piece: bytes) -> None:
        if self._sink is not None:
            self._sink.chunk(piece)

    def _over(self, failed: bool) -> None:
        self._on_over(self)
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.end(failed)


def _as_bytes(chunk: object) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes):
        return chunk
    raise TypeError(
        "The generator that on_request returned may yield str and bytes; it yielded "
        f"{type(chunk).__module__}.{type(chunk).__qualname__}."
    )


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE_SIZE):
        yield data[start : start + PIECE_SIZE]
