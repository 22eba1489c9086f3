"""The arithmetic: from every turn's figure to a ratio and whether it is enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


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

    def is_met_by(self, ratio: float, added: float) -> bool:
        """Tell whether a measured ratio, or difference, is good enough."""
        if self.added is not None:
            return added <= self.added
        return ratio <= self.ratio if self.at_most else ratio >= self.ratio

    def __str__(self) -> str:
        if self.added is not None:
            return f"<= +{self.added:g}"
        return f"{'<=' if self.at_most else '>='} {self.ratio:g}"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """
    One figure of one side, with what it cost.

    Args:
        figure: In the unit of the measure.
        server_busy: CPU seconds of the server in a second; 0 where nobody looked.
        generator_busy: The same for the load generator.
        others_busy: The same for everything else on the machine.
    """

    figure: float
    server_busy: float = 0.0
    generator_busy: float = 0.0
    others_busy: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    A line of the report: one side beside another, turn by turn.

    Args:
        measure: What was measured.
        unit: Of the figures.
        peer: Name of the other side.
        ours: The turns of the side that is judged, at least one.
        theirs: The turns of the other side, as many, in the same order.
        wanted: The ratio asked for, None where nobody asked.
    """

    measure: str
    unit: str
    peer: str
    ours: Sequence[Turn]
    theirs: Sequence[Turn]
    wanted: Wanted | None = None

    @property
    def ratios(self) -> list[float]:
        """
        Ours through theirs, of each pair of turns that ran one after the other.

        Whatever else the machine was busy with slowed both, so a pair's ratio is
        steadier than the ratio of two medians.
        """
        pairs = zip(self.ours, self.theirs, strict=True)
        return [our.figure / their.figure for our, their in pairs]

    @property
    def ratio(self) -> float:
        """The figure that counts."""
        return median(self.ratios)

    @property
    def ratio_by_cpu(self) -> float | None:
        """
        The same for each CPU second that the servers used, None without CPU times.

        It leaves out what other processes took away from one side only.
        """
        if not all(turn.server_busy for turn in (*self.ours, *self.theirs)):
            return None
        pairs = zip(self.ours, self.theirs, strict=True)
        return median(
            (our.figure / our.server_busy) / (their.figure / their.server_busy)
            for our, their in pairs
        )

    @property
    def added(self) -> float:
        """By how much our figure is larger, in the unit of the measure."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return median(our.figure - their.figure for our, their in pairs)

    @property
    def is_met(self) -> bool | None:
        """Whether what was measured is good enough, None where nothing is asked."""
        if self.wanted is None:
            return None
        return self.wanted.is_met_by(self.ratio, self.added)


def middle(turns: Sequence[Turn]) -> Turn:
    """Return the median of each value, which need not be of one turn."""
    return Turn(
        figure=median(turn.figure for turn in turns),
        server_busy=median(turn.server_busy for turn in turns),
        generator_busy=median(turn.generator_busy for turn in turns),
        others_busy=median(turn.others_busy for turn in turns),
    )


def amount(figure: float) -> str:
    """Write a figure with as many digits as it is worth."""
    return f"{figure:.2f}" if figure < 100 else f"{figure:,.0f}"
