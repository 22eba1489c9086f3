"""The arithmetic of the benchmark's report."""

import pytest

from benchmarks.figures import (
    CPU,
    RATE,
    Row,
    Turn,
    Wanted,
    is_cost,
    middle,
    percentiles,
    unit_of,
)


def row(
    ours: list[float],
    theirs: list[float],
    wanted: Wanted | None = None,
    value: str = RATE,
    **busy: float,
) -> Row:
    """Make a row of turns; ``ours_busy`` and ``theirs_busy`` are the servers'."""
    return Row(
        measure="echo",
        unit="echoes/s",
        side="partyrooms",
        peer="bare",
        ours=[Turn(figure=f, server_busy=busy.get("ours_busy", 0)) for f in ours],
        theirs=[Turn(figure=f, server_busy=busy.get("theirs_busy", 0)) for f in theirs],
        wanted=wanted,
        value=value,
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


def test_a_row_may_compare_what_a_unit_costs():
    """Half the rate for the same CPU time is twice the cost."""
    measured = row([50], [100], value=CPU, ours_busy=1.0, theirs_busy=1.0)

    assert measured.our_value == 20_000
    assert measured.ratio == 2.0
    assert measured.ratio_by_cpu is None


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


@pytest.mark.parametrize(
    ("value", "unit", "shown", "costs"),
    [
        (RATE, "echoes/s", "echoes/s", False),
        (RATE, "bytes/room", "bytes/room", True),
        (CPU, "echoes/s", "us of CPU/echoes", True),
        ("p99", "echoes/s", "ms p99", True),
    ],
)
def test_only_of_a_rate_more_is_better(value, unit, shown, costs):
    """Latency, CPU time and memory are costs."""
    assert unit_of(value, unit) == shown
    assert is_cost(value, unit) is costs


def test_the_middle_is_the_median_of_each_value():
    """One odd turn moves nothing, and each value has a median of its own."""
    turns = [
        Turn(figure=10, latencies={"p50": 3}, server_busy=0.9, generator_busy=0.1),
        Turn(figure=900, latencies={"p50": 1}, server_busy=0.2, generator_busy=0.5),
        Turn(figure=30, latencies={"p50": 2}, server_busy=0.8, generator_busy=0.2),
    ]

    assert middle(turns) == Turn(
        figure=30, latencies={"p50": 2}, server_busy=0.8, generator_busy=0.2
    )


def test_percentiles_are_of_the_sorted_latencies():
    """They come in seconds, in any order, and are told in milliseconds."""
    latencies = [number / 1000 for number in range(1000, 0, -1)]

    assert percentiles(latencies) == {"p50": 501, "p90": 901, "p99": 991, "p99.9": 1000}


def test_one_latency_is_every_percentile():
    """A turn with few units still has a figure."""
    assert set(percentiles([0.5]).values()) == {500}


def test_what_nobody_timed_has_no_percentiles():
    """An empty table cell, not an error."""
    assert percentiles([]) == {}
