"""The arithmetic of the benchmark's report."""

import pytest

from benchmarks.figures import Row, Turn, Wanted, middle


def row(
    ours: list[float], theirs: list[float], wanted: Wanted | None = None, **busy: float
) -> Row:
    """Make a row of turns; ``ours_busy`` and ``theirs_busy`` are the servers'."""
    return Row(
        measure="echo",
        unit="echoes/s",
        peer="bare",
        ours=[Turn(figure=f, server_busy=busy.get("ours_busy", 0)) for f in ours],
        theirs=[Turn(figure=f, server_busy=busy.get("theirs_busy", 0)) for f in theirs],
        wanted=wanted,
    )


def test_the_ratio_is_the_median_of_the_pairs():
    """A turn is compared with the turn that ran beside it, not with the best one."""
    measured = row([90, 40, 300], [100, 50, 400])

    assert measured.ratios == [0.9, 0.8, 0.75]
    assert measured.ratio == 0.8


def test_turns_must_be_pairs():
    """A side that took fewer turns cannot be compared."""
    with pytest.raises(ValueError, match="shorter"):
        _ = row([1, 2], [1]).ratios


def test_the_ratio_by_cpu_leaves_out_what_a_side_did_not_get():
    """Half the figure with half the CPU time is as good as the other side."""
    measured = row([50], [100], ours_busy=0.5, theirs_busy=1.0)

    assert measured.ratio == 0.5
    assert measured.ratio_by_cpu == 1.0


def test_there_is_no_ratio_by_cpu_without_cpu_times():
    """Memory has no rate."""
    assert row([50], [100]).ratio_by_cpu is None


@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        (Wanted(ratio=0.8), True),
        (Wanted(ratio=0.81), False),
        (Wanted(ratio=0.8, at_most=True), True),
        (Wanted(ratio=0.79, at_most=True), False),
        (Wanted(added=-20), True),
        (Wanted(added=-21), False),
        (None, None),
    ],
)
def test_the_bound_itself_is_good_enough(wanted, is_met):
    """
    A gain is bounded from below, a cost from above, and so is what a figure adds.

    Without a bound there is no verdict.
    """
    assert row([80], [100], wanted).is_met is is_met


def test_the_middle_is_the_median_of_each_value():
    """One odd turn moves nothing, and each value has a median of its own."""
    turns = [
        Turn(figure=10, server_busy=0.9, generator_busy=0.1),
        Turn(figure=900, server_busy=0.2, generator_busy=0.5),
        Turn(figure=30, server_busy=0.8, generator_busy=0.2),
    ]

    assert middle(turns) == Turn(figure=30, server_busy=0.8, generator_busy=0.2)
