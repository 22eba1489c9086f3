"""What experiments tell people; none of it is a verdict."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from tests.faults.lab.crowd import Crowd
from tests.faults.lab.history import Kind


def longest(times: Iterable[float]) -> str:
    """The longest of some times, and the 95th percentile."""
    ordered = sorted(times)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    return f"max {ordered[-1]:.2f} s, p95 {p95:.2f} s"


def pauses(crowd: Crowd) -> Iterator[float]:
    """Seconds between two broadcasts, at each client, while it was connected."""
    for visit in crowd.visits:
        heard = [frame.at for frame in visit.frames if frame.kind is Kind.BROADCAST]
        yield from (late - early for early, late in pairwise(heard))


def delays(crowd: Crowd) -> Iterator[float]:
    """Seconds from each op's sending to its acknowledgement."""
    for visit in crowd.visits:
        sent = {attempt.op: attempt.at for attempt in visit.attempts}
        for frame in visit.frames:
            if frame.kind is Kind.ACKNOWLEDGEMENT:
                yield frame.at - sent[frame.op]
