"""
Another checkout of this repository beside this one, row by row.

The benchmarks are this checkout's on both sides; only the package ``partyrooms`` is the
other one's. So both must have the public names that ``benchmarks/servers`` uses.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import PERCENTILES, RATE, Row, Wanted, is_cost
from benchmarks.scenario import Claim, Scenario, Side

THERE = "the other checkout"
HERE = "this checkout"

SLOWER = 0.05
"""What a row may lose: more of it is told apart from noise by more rounds only."""

TOPICS = ("echo", "fan-out", "stored", "http")
"""What is compared where no rows are named."""


def beside(scenarios: Collection[Scenario], checkout: Path) -> list[Scenario]:
    """
    Return scenarios in which only the two checkouts take part.

    Args:
        scenarios: As they are measured beside other peers; our side is their first.
        checkout: The other one.
    """
    return [
        _two_sides(scenario, next(iter(scenario.sides.values())), checkout)
        for scenario in scenarios
    ]


def keeps_up(row: Row) -> bool:
    """
    Tell whether this checkout is slower by no more than ``SLOWER``.

    What each made of a CPU second counts where that is known, for what else the machine
    does changes it least.
    """
    assert row.wanted is not None
    by_cpu = row.ratio_by_cpu
    return row.wanted.is_met_by(row.ratio if by_cpu is None else by_cpu)


def _two_sides(scenario: Scenario, side: Side, checkout: Path) -> Scenario:
    # The rate of a closed loop says as much as its latency, and has a CPU time.
    value = RATE if scenario.value in PERCENTILES else scenario.value
    cost = is_cost(value, side.load.unit)
    bound = 1 + SLOWER if cost else 1 - SLOWER
    return replace(
        scenario,
        value=value,
        sides={
            THERE: replace(side, server=replace(side.server, checkout=checkout)),
            HERE: side,
        },
        claims=(
            Claim(
                side=HERE,
                peer=THERE,
                wanted=Wanted(ratio=bound, at_most=cost),
                value=value,
            ),
        ),
    )
