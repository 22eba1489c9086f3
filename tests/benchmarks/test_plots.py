"""The plots of the benchmark's report."""

from xml.etree import ElementTree

from benchmarks.contest import Outcome
from benchmarks.figures import Turn
from benchmarks.plots import fan_out_points, latencies, plots, rooms_points
from benchmarks.scenario import select
from benchmarks.scenarios import all_scenarios


def outcome(name: str, *turns: Turn, **failures: str) -> Outcome:
    """Make an outcome in which every side took the same turns."""
    (scenario,) = select(all_scenarios(), [name])
    return Outcome(scenario, dict.fromkeys(scenario.sides, turns), failures)


def test_fan_out_is_drawn_by_sockets():
    """A point is the median of a side's turns."""
    low = outcome("fan-out-10", Turn(figure=1), Turn(figure=9), Turn(figure=5))
    high = outcome("fan-out-500", Turn(figure=7))

    points = fan_out_points([low, high])

    assert set(points) == set(low.scenario.sides)
    assert all(line == [(10, 5), (500, 7)] for line in points.values())


def test_the_cost_of_a_message_is_drawn_by_rooms():
    """The rooms that echo count as well as those that were only asked."""
    rooms = outcome("rooms", Turn(figure=1000, server_busy=0.5))

    (line,) = rooms_points([rooms]).values()

    assert line == [(10, 500), (100, 500), (1_000, 500), (10_000, 500)]


def test_latencies_are_drawn_by_percentile():
    """Each percentile is a median of its own."""
    one = Turn(figure=1, latencies={"p50": 1, "p90": 2, "p99": 3, "p99.9": 9})
    two = Turn(figure=1, latencies={"p50": 3, "p90": 4, "p99": 5, "p99.9": 7})

    drawn = latencies(outcome("echo-50", one, two))

    assert all(line == [2, 3, 4, 8] for line in drawn.values())


def test_the_plots_are_svg_and_the_same_each_time():
    """A file differs from the last one only where figures do."""
    turn = Turn(
        figure=1,
        latencies={"p50": 1, "p90": 2, "p99": 3, "p99.9": 9},
        server_busy=0.5,
    )
    outcomes = [outcome(name, turn) for name in ("fan-out-10", "rooms", "echo-50")]

    drawn = plots(outcomes)

    assert list(drawn) == ["fan-out.svg", "rooms.svg", "latency-echo-50.svg"]
    assert drawn == plots(outcomes)
    for text in drawn.values():
        assert ElementTree.fromstring(text.encode()).tag.endswith("svg")  # noqa: S314


def test_what_was_not_measured_is_not_drawn():
    """A run of a few rows has no empty plots."""
    assert plots([outcome("stored-1", Turn(figure=1))]) == {}
