"""Which nodes are dead, and when to stop: decided by counters and the own clock."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)

FENCE_AT = 0.8
"""
The part of the lease after which a node without a renewal stops its rooms.

The rest is for clocks that run at different rates: a quarter apart is still safe.
"""

MISSED_POLLS = 3
"""An observer that was away for longer than so many intervals starts anew."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A heartbeat and when the observer's clock first saw it."""

    heartbeat: int
    since: float


@dataclass(frozen=True, slots=True)
class Observations(Generic[Node]):
    """What an observer remembers from one poll to the next."""

    polled_at: float | None = None
    sightings: Mapping[Node, Sighting] = field(default_factory=dict)


def observe(
    before: Observations[Node],
    heartbeats: Mapping[Node, int],
    *,
    now: float,
    interval: float,
    lease_ttl: float,
) -> tuple[Observations[Node], list[Node]]:
    """
    Take in one poll and tell whose counter has stood still for a whole lease.

    An observer that was paused itself, or could not reach the database, has not
    watched: it trusts none of its windows and starts them anew.

    Args:
        before: What the last poll returned; ``Observations()`` at first.
        heartbeats: The counters of the other living nodes, just read.
        now: The observer's own clock, in seconds; it must count suspended time.
        interval: Seconds between polls.
        lease_ttl: Seconds a counter may stand still.

    Returns:
        What to remember, and the nodes that are dead, in the order of ``heartbeats``.
    """
    watched = (
        before.polled_at is not None
        and now - before.polled_at <= MISSED_POLLS * interval
    )
    sightings: dict[Node, Sighting] = {}
    for node, heartbeat in heartbeats.items():
        known = before.sightings.get(node) if watched else None
        if known is None or known.heartbeat != heartbeat:
            known = Sighting(heartbeat, now)
        sightings[node] = known
    dead = [n for n, seen in sightings.items() if now - seen.since >= lease_ttl]
    return Observations(now, sightings), dead


def fence_at(renewal_sent_at: float, lease_ttl: float) -> float:
    """
    When a node must have stopped its rooms, unless it is renewed before.

    Counted from when the renewal was sent: the others saw it later, so this node can
    only stop too early, never too late.
    """
    return renewal_sent_at + FENCE_AT * lease_ttl
