"""Another checkout beside this one."""

from pathlib import Path

import pytest

from benchmarks.comparison import HERE, THERE, beside, keeps_up
from benchmarks.figures import CPU, RATE, Row, Turn
from benchmarks.peers import ROOT
from benchmarks.scenario import select
from benchmarks.scenarios import all_scenarios

BEFORE = Path("/before")


def compared(name: str, ours: Turn, theirs: Turn) -> Row:
    """Make the row of a scenario in which each checkout took one turn."""
    (scenario,) = beside(select(all_scenarios(), [name]), BEFORE)
    (claim,) = scenario.claims
    return Row(
        measure=scenario.measure,
        unit="",
        side=claim.side,
        peer=claim.peer,
        ours=[ours],
        theirs=[theirs],
        wanted=claim.wanted,
        value=claim.value,
    )


def test_both_sides_differ_in_the_checkout_alone():
    """The load, the server and its settings are the same."""
    for scenario in beside(all_scenarios(), BEFORE):
        here, there = scenario.sides[HERE], scenario.sides[THERE]

        assert here.load == there.load
        assert here.server.checkout == ROOT
        assert there.server.checkout == BEFORE
        assert here.server.environment == there.server.environment
        assert here.server.module == "partyrooms_site"


@pytest.mark.parametrize(("rate", "kept"), [(950, True), (949, False), (2000, True)])
def test_a_rate_may_be_a_twentieth_lower(rate, kept):
    """The bound itself is good enough."""
    row = compared("echo-50", Turn(figure=rate), Turn(figure=1000))

    assert row.value == RATE
    assert keeps_up(row) is kept


@pytest.mark.parametrize(("cost", "kept"), [(1050, True), (1051, False), (50, True)])
def test_a_cost_may_be_a_twentieth_higher(cost, kept):
    """Of memory, less is better."""
    row = compared("memory-one-room", Turn(figure=cost), Turn(figure=1000))

    assert keeps_up(row) is kept


def test_a_latency_is_compared_as_a_rate():
    """A closed loop's rate has a CPU time, which other processes change least."""
    row = compared(
        "echo-1",
        Turn(figure=500, server_busy=0.5, latencies={"p50": 2}),
        Turn(figure=1000, server_busy=1.0, latencies={"p50": 1}),
    )

    assert row.ratio == 0.5
    assert keeps_up(row)


def test_what_a_message_costs_stays_a_cost():
    """The rows about CPU time compare CPU time."""
    row = compared(
        "rooms",
        Turn(figure=900, server_busy=1.0),
        Turn(figure=1000, server_busy=1.0),
    )

    assert row.value == CPU
    assert not keeps_up(row)
