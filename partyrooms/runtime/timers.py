"""``after`` and ``every``: what rooms have asked for, in one heap per node."""

import asyncio
import heapq
import math
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

MIN_INTERVAL = 0.001
"""Seconds between two calls of one timer; more often is a loop, not a timer."""

FEW = 64
"""Timers of which it does not matter how many are cancelled."""


class Timer:
    """
    A call that a room has asked for; ``cancel()`` it, from wherever you like.

    Attributes:
        at: When it is due, by the node's clock.
        method: What is called, with ``args``.
        is_over: Nothing is called any more.
        is_waiting: Its call waits for its turn.
    """

    __slots__ = (
        *("_interval", "_timers", "args", "at"),
        *("is_over", "is_waiting", "method"),
    )

    def __init__(
        self,
        timers: "RoomTimers",
        at: float,
        interval: float | None,
        method: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> None:
        self.at = at
        self.method = method
        self.args = args
        self.is_over = False
        self.is_waiting = False
        self._interval = interval
        self._timers = timers

    def cancel(self) -> None:
        """
        Call nothing any more; a call that has begun goes on to its end.

        It may be called twice, from the call itself, and when the life is over.
        """
        if not self.is_over:
            self._timers.forget(self)

    def ring(self, now: float) -> bool:
        """Its time has come: have it called; whether it is to ring again."""
        if not self.is_waiting:
            self.is_waiting = True
            self._timers.put(self)
        if self._interval is None or self.is_over:
            return False
        # Beats that nobody could hear are left out; the others keep their distance.
        missed = math.floor((now - self.at) / self._interval)
        self.at += self._interval * (missed + 1)
        return True

    def begin(self) -> bool:
        """The turn of its call has come; whether it is to be called."""
        self.is_waiting = False
        if self.is_over:
            return False
        if self._interval is None:
            self._timers.forget(self)
        return True

    def __repr__(self) -> str:
        name = getattr(self.method, "__qualname__", repr(self.method))
        return f"<Timer of {name}{', which is over' if self.is_over else ''}>"


class NodeTimers:
    """
    The timers of all rooms of a node, by when they are due.

    One heap and one task for all of them: a timer that waits costs nothing. Its methods
    are called on the node's event loop, ``note_over`` from any thread.

    Args:
        clock: Seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._over = 0
        self._has_earlier = asyncio.Event()

    def add(self, timer: Timer) -> None:
        """Have a timer ring when its time has come."""
        if self._over > FEW and 2 * self._over > len(self._heap):
            self._over = 0
            self._heap = [one for one in self._heap if not one[2].is_over]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, (timer.at, next(self._order), timer))
        if self._heap[0][2] is timer:
            self._has_earlier.set()

    def note_over(self) -> None:
        """A timer is over: once those in here may be many, they are thrown away."""
        self._over += 1

    @property
    def next_at(self) -> float | None:
        """When the next one is due; None: there is none."""
        while self._heap and self._heap[0][2].is_over:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def ring_due(self) -> None:
        """Ring the timers whose time has come, in its order."""
        now = self.clock()
        while (at := self.next_at) is not None and at <= now:
            timer = heapq.heappop(self._heap)[2]
            if timer.ring(now):
                self.add(timer)

    async def keep_ringing(self) -> None:
        """Ring each timer at its time, until cancelled."""
        while True:
            self._has_earlier.clear()
            self.ring_due()
            at = self.next_at
            pause = None if at is None else max(0.0, at - self.clock())
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._has_earlier.wait()


class RoomTimers:
    """
    The timers of one life of a room.

    Args:
        timers: The node's.
        put: Puts the call of a timer into the room's mailbox.
    """

    __slots__ = ("_pending", "_timers", "put")

    def __init__(self, timers: NodeTimers, put: Callable[[Timer], None]) -> None:
        self.put = put
        self._timers = timers
        self._pending: set[Timer] = set()

    def start(
        self,
        seconds: float,
        interval: float | None,
        method: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> Timer:
        """
        Begin a timer, on the event loop.

        Args:
            seconds: Until it rings.
            interval: Seconds between two rings; None: there is one.
            method: What is called, with ``args``.
            args: Positional.
        """
        timer = Timer(self, self._timers.clock() + seconds, interval, method, args)
        self._pending.add(timer)
        self._timers.add(timer)
        return timer

    def forget(self, timer: Timer) -> None:
        """A timer is over; from any thread."""
        timer.is_over = True
        self._pending.discard(timer)
        self._timers.note_over()

    def end(self) -> None:
        """The life is over: cancel all of them."""
        for timer in tuple(self._pending):
            timer.cancel()

    def __bool__(self) -> bool:
        return bool(self._pending)
