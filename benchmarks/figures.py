"""The arithmetic: from every turn's figure to a ratio and whether it is enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

RATE = "rate"
"""The value of a turn that is its figure, as the load counts it."""

CPU = "CPU"
"""The value of a turn that is its server's CPU time for one unit, in microseconds."""

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
"""The values of a turn that are latencies, in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """
    What is asked for: a ratio, or how much more than the peer's a figure may be.

    Args:
        ratio: The bound, which itself is good enough.
        at_most: The ratio is a cost and must not be above it; else not below.
        added: In the unit of the figures; the ratio does not matter then.
    """

    ratio: float = 0.0
    at_most: bool = False
    added: float | None = None

    def is_met_by(self, ratio: float, added: float = 0.0) -> bool:
        """Tell whether a measured ratio, or difference, is good enough."""
        if self.added is not None:
            return added <= self.added
        return ratio <= self.ratio if self.at_most else ratio >= self.ratio

    def __str__(self) -> str:
        if self.added is not None:
            return f"<= +{self.added:g}"
        return f"{'<=' if self.at_most else '>='} {self.ratio:g}"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one run of the load generator showed.

    Args:
        figure: In the load's unit.
        latencies: Of the load's units, in milliseconds, by the names in
            ``PERCENTILES``; empty where a load has none.
        server_busy: CPU seconds that the server used in each second counted, 0 where
            nobody looked. Well below 1 means that something else than the server was
            the limit.
        generator_busy: The same for the load generator.
        others_busy: The same for everything else on the machine.
    """

    figure: float
    latencies: dict[str, float] = {}
    server_busy: float = 0.0
    generator_busy: float = 0.0
    others_busy: float = 0.0

    def value(self, name: str) -> float:
        """
        Return what a row compares.

        Args:
            name: ``RATE``, ``CPU`` or one of ``PERCENTILES``.
        """
        if name == RATE:
            return self.figure
        if name == CPU:
            return 1e6 * self.server_busy / self.figure
        return self.latencies[name]


def unit_of(value: str, unit: str) -> str:
    """
    Return the unit of a turn's value.

    Args:
        value: Its name.
        unit: The load's, such as ``echoes/s``.
    """
    if value == RATE:
        return unit
    return f"us of CPU/{unit.split('/')[0]}" if value == CPU else f"ms {value}"


def is_cost(value: str, unit: str) -> bool:
    """Tell whether less is better."""
    return value != RATE or not unit.endswith("/s")


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    A line of the report: one side beside another, turn by turn.

    Args:
        measure: What was measured.
        unit: Of the values.
        side: Name of the side that is judged.
        peer: Name of the other side.
        ours: The turns of the side that is judged, at least one.
        theirs: The turns of the other side, as many, in the same order.
        wanted: The ratio asked for, None where nobody asked.
        value: Which one of a turn's is compared.
    """

    measure: str
    unit: str
    side: str
    peer: str
    ours: Sequence[Turn]
    theirs: Sequence[Turn]
    wanted: Wanted | None = None
    value: str = RATE

    @property
    def our_value(self) -> float:
        """The median of the side that is judged."""
        return median(turn.value(self.value) for turn in self.ours)

    @property
    def their_value(self) -> float:
        """The median of the other side."""
        return median(turn.value(self.value) for turn in self.theirs)

    @property
    def ratios(self) -> list[float]:
        """
        Ours through theirs, of each pair of turns that ran in one round.

        Whatever else the machine was busy with slowed both, so a pair's ratio is
        steadier than the ratio of two medians.
        """
        return [our / their for our, their in self._pairs()]

    @property
    def ratio(self) -> float:
        """The figure that counts."""
        return median(self.ratios)

    @property
    def ratios_by_cpu(self) -> list[float]:
        """
        The same for each CPU second that the servers used.

        It leaves out what other processes took away from one side only. Only a rate has
        it, and only where somebody looked at the CPU times; else the list is empty.
        """
        turns = (*self.ours, *self.theirs)
        if self.value != RATE or not all(turn.server_busy for turn in turns):
            return []
        pairs = zip(self.ours, self.theirs, strict=True)
        return [their.value(CPU) / our.value(CPU) for our, their in pairs]

    @property
    def ratio_by_cpu(self) -> float | None:
        """The median of these, None where there are none."""
        return median(self.ratios_by_cpu) if self.ratios_by_cpu else None

    @property
    def added(self) -> float:
        """By how much our value is larger, in its unit."""
        return median(our - their for our, their in self._pairs())

    @property
    def is_met(self) -> bool | None:
        """Whether what was measured is good enough, None where nothing is asked."""
        if self.wanted is None:
            return None
        return self.wanted.is_met_by(self.ratio, self.added)

    def _pairs(self) -> list[tuple[float, float]]:
        ours = [turn.value(self.value) for turn in self.ours]
        theirs = [turn.value(self.value) for turn in self.theirs]
        return list(zip(ours, theirs, strict=True))


def middle(turns: Sequence[Turn]) -> Turn:
    """Return the median of each value, which need not be of one turn."""
    return Turn(
        figure=median(turn.figure for turn in turns),
        latencies={
            name: median(turn.latencies[name] for turn in turns)
            for name in turns[0].latencies
        },
        server_busy=median(turn.server_busy for turn in turns),
        generator_busy=median(turn.generator_busy for turn in turns),
        others_busy=median(turn.others_busy for turn in turns),
    )


def percentiles(latencies: Sequence[float]) -> dict[str, float]:
    """
    Return the percentiles of a turn's latencies, none where nothing was timed.

    Args:
        latencies: In seconds, in any order.
    """
    ordered = sorted(latencies)
    if not ordered:
        return {}
    last = len(ordered) - 1
    return {
        name: 1000 * ordered[min(last, int(len(ordered) * share))]
        for name, share in PERCENTILES.items()
    }


def amount(figure: float) -> str:
    """Write a figure with as many digits as it is worth."""
    if figure < 1:
        return f"{figure:.3f}"
    return f"{figure:.2f}" if figure < 100 else f"{figure:,.0f}"
