"""Which rooms of a node are looked at: those at work, and those whose time has come."""

import heapq
import math
from itertools import count
from typing import Generic, Protocol, TypeVar


class Swept(Protocol):
    """What is looked at."""

    def sweep(self, now: float) -> float | None:
        """
        Do what is due.

        Returns:
            When to look again while it rests; None: not before it has worked.
        """


One = TypeVar("One", bound=Swept)


class Sweeps(Generic[One]):
    """
    Looks at each room at work, and at a resting one only when it may be due.

    So thousands of rooms that rest cost nothing, but one entry in a heap each.

    Attributes:
        busy: Those that work or rest: they are not forgotten.
    """

    def __init__(self) -> None:
        self.busy: set[One] = set()
        self._at_work: set[One] = set()
        self._heap: list[tuple[float, int]] = []
        self._listed: dict[int, One] = {}
        self._numbers: dict[One, int] = {}
        self._order = count()

    def works(self, one: One) -> None:
        """It has begun to work: look at it each time."""
        self.busy.add(one)
        self._at_work.add(one)

    def rests(self, one: One, now: float) -> None:
        """It waits for an event: look at it when it has asked for it."""
        self._at_work.discard(one)
        # One in the heap already comes too early at worst: what is due only moves on.
        if one not in self._numbers:
            self._list(one, one.sweep(now))

    def ends(self, one: One) -> None:
        """Its task has ended; something of it may still be there."""
        self._at_work.discard(one)

    def forget(self, one: One) -> None:
        """Nothing of it is there any more."""
        self.busy.discard(one)
        self._listed.pop(self._numbers.pop(one, -1), None)

    def run(self, now: float) -> None:
        """Look at all that may have something to do."""
        for one in tuple(self._at_work):
            one.sweep(now)
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[1])
        for number in due:
            late = self._listed.pop(number, None)
            if late is not None:
                del self._numbers[late]
                self._list(late, late.sweep(now))

    def _list(self, one: One, at: float | None) -> None:
        if at is not None and at < math.inf:
            number = self._numbers[one] = next(self._order)
            self._listed[number] = one
            heapq.heappush(self._heap, (at, number))
