"""What is on its way to one socket: bounded, in order, sent by a task of its own."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from types import CoroutineType
from typing import Any, Protocol

from partyrooms.core.frames import Frame, Profile
from partyrooms.delivery.local_audience import LocalAudience
from partyrooms.ports.sockets import Closing, Wire

logger = logging.getLogger("partyrooms.sockets")

Event = dict[str, Any]


class SocketObserver(Protocol):
    """Who made an outbox and hears of what becomes of it; each once."""

    def answered(self) -> None:
        """The handshake was accepted."""

    def overflowed(self) -> None:
        """More waits for the client than may."""

    def ending(self) -> None:
        """The socket is being closed, or nothing reaches the client any more."""

    def refused(self, error: Exception) -> None:
        """The server does not send this event; the socket may still be open."""


class LocalSocket:
    """
    One socket as its room sees it; a ``Socket``.

    Nobody waits for the socket: whoever sends only appends. The task that sends exists
    while something waits, so an idle socket costs none.

    Args:
        profile: What is known of the connection; its state and tags are kept here.
        keeper: Whom to tell.
        audience: The room's sockets, which this one joins when it is accepted.
        send: The ASGI server's.
        accept_event: What answers the handshake.
        max_queued: Bytes that may wait for the client.
        wire: The server's shorter way for frames, if it has one; ``send`` stays in use
            for all else, and for frames while the client does not keep up.
    """

    __slots__ = (
        *("__weakref__", "number", "profile", "closing", "waiting"),
        *("is_accepted", "is_gone", "is_dropped"),
        *("_observer", "_audience", "_send", "_accept_event", "_max_queued", "_wire"),
        *("_loop", "_events", "_queued", "_writer", "_awaits_end"),
    )

    node = None

    def __init__(
        self,
        profile: Profile,
        *,
        observer: SocketObserver,
        audience: LocalAudience,
        send: Callable[[Event], Awaitable[None]],
        accept_event: Event,
        max_queued: int,
        wire: Wire | None = None,
    ) -> None:
        self.number = 0  # set by a cluster that needs it
        self.profile = profile
        self.closing: Closing | None = None
        self.waiting = 0
        self.is_accepted = False
        self.is_gone = False
        self.is_dropped = False
        self._observer = observer
        self._audience = audience
        self._send = send
        self._accept_event = accept_event
        self._max_queued = max_queued
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._events: deque[tuple[Event, int]] = deque()
        self._queued = 0
        self._writer: asyncio.Task[None] | None = None
        self._awaits_end: Closing | None = None

    def accept(self, tags: tuple[str, ...]) -> None:
        """Answer the handshake; from now on the socket is in its room's audience."""
        self.profile.tags = tags
        if self.is_gone:
            # The room has let it in all the same, and is to hear that it left.
            self.is_accepted = True
        else:
            self._audience.join(self)
            self._answer()
            if self._awaits_end is not None:
                self.close(self._awaits_end)

    def send(self, frame: Frame) -> None:
        """Queue a frame, unless the socket is closing or the client too slow."""
        if self.closing is not None or self.is_gone:
            return
        if self._writer is None:
            wire = self._wire
            if wire is None or wire.is_paused:
                self._begin(frame.event, frame)
                return
            if frame.wire is None:
                frame.wire = wire.encode(frame.payload)
            wire.write(frame.wire)
            return
        queued = self._queued + frame.size
        # A frame that is too large on its own may go to a client that keeps up.
        if queued > self._max_queued and self._queued:
            self._observer.overflowed()
            return
        self._events.append((frame.event, frame.size))
        self._queued = queued

    def keep_state(self, state: bytes | None) -> None:
        """Keep the connection's state."""
        self.profile.state = state

    def close(self, closing: Closing) -> None:
        """Close the socket behind what is queued; its end will be reported."""
        if self.closing is not None or self.is_gone:
            return
        self.closing = closing
        self._audience.leave(self)
        code, reason = closing
        self._put({"type": "websocket.close", "code": code, "reason": reason})
        self._observer.ending()

    def shut(self, closing: Closing) -> None:
        """Close the socket, as soon as it is accepted; its end will be reported."""
        if self.is_accepted:
            self.close(closing)
        else:
            self._awaits_end = closing

    def drop(self, closing: Closing) -> None:
        """Close the socket, accepted or not, without wanting to hear of its end."""
        self.is_dropped = True
        if not self.is_accepted and not self.is_gone:
            self._answer()
        self.close(closing)

    def cut_off(self, closing: Closing) -> None:
        """Close the socket before what is queued: the client does not read it."""
        self._events.clear()
        self.close(closing)

    def leave(self) -> None:
        """Nothing reaches the client any more: send nothing more."""
        if not self.is_gone:
            self.is_gone = True
            self._events.clear()
            self._audience.leave(self)
            self._observer.ending()

    async def flush(self) -> None:
        """Wait until what is queued has been sent; safe to cancel."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    def stop(self) -> None:
        """End the task that sends, wherever it is."""
        if self._writer is not None:
            self._writer.cancel()

    def _answer(self) -> None:
        self.is_accepted = True
        self._observer.answered()
        self._put(self._accept_event)

    def _put(self, event: Event) -> None:
        if self._writer is None:
            self._begin(event, None)
        else:
            self._events.append((event, 0))

    def _begin(self, event: Event, frame: Frame | None) -> None:
        """Send what nothing waits in front of: a frame's event, or one of no frame."""
        # Most sends end at once: the server has only to append to its own buffer. So
        # the first step is taken here, and a task made only for one that has to wait.
        try:
            sending: Any = self._send(event)
            if type(sending) is CoroutineType:
                waiting_for = sending.send(None)
            else:
                # Any iterator, as for `await`: granian's has only __next__.
                sending = sending.__await__()
                waiting_for = next(sending)
        except StopIteration:
            return
        except Exception as error:
            self._failed(event, error)
            return
        except asyncio.CancelledError:
            # The server's affair: whoever sends was not cancelled.
            self.leave()
            return
        size = 0 if frame is None else frame.size
        self._queued += size
        self._writer = self._loop.create_task(
            self._write(Resumed(sending, waiting_for), event, size)
        )

    async def _write(self, first: Awaitable[None], event: Event, size: int) -> None:
        events, send = self._events, self._send
        try:
            await first
            self._queued -= size
            while events:
                event, size = events.popleft()
                await send(event)
                self._queued -= size
        except Exception as error:
            self._failed(event, error)
        except asyncio.CancelledError:
            self.leave()
            raise
        finally:
            self._writer = None

    def _failed(self, event: Event, error: Exception) -> None:
        # uvicorn raises an OSError once the client has left, or a RuntimeError if its
        # own ping timed out; Daphne raises Autobahn's Disconnected, which is one, too.
        # Each means the same: nothing can be sent any more, and the consumer hears of
        # the end.
        if isinstance(error, OSError | RuntimeError):
            logger.debug("A socket is gone: %r", error, extra={"action": "send_failed"})
            self.leave()
            return
        # Daphne raises a plain Exception for close codes that it does not send, and
        # logs it itself. Nothing else is known, and the socket may still be open.
        if event["type"] != "websocket.close":
            logger.error(
                "The server did not take a %s: its socket is closed",
                event["type"],
                exc_info=error,
                extra={"action": "send_failed"},
            )
        self.leave()
        self._observer.refused(error)


class Resumed(Awaitable[None]):
    """
    An awaitable whose first step was taken already: it goes on from there.

    Args:
        steps: The coroutine, or the iterator of another awaitable.
        waiting_for: What its first step gave: what the event loop has to wait for.
    """

    __slots__ = ("_steps", "_waiting_for")

    def __init__(self, steps: Any, waiting_for: Any) -> None:
        self._steps = steps
        self._waiting_for = waiting_for

    def __await__(self) -> Generator[Any, None, None]:
        # As `await` does it, which needs no more of an iterator than __next__.
        steps, waiting_for = self._steps, self._waiting_for
        go_on = getattr(steps, "send", None) or (lambda _: next(steps))
        throw = getattr(steps, "throw", None)
        while True:
            try:
                yield waiting_for
            except BaseException as error:
                if throw is None:
                    raise
                step = partial(throw, error)
            else:
                step = partial(go_on, None)
            try:
                waiting_for = step()
            except StopIteration:
                return
