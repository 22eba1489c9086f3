"""The plots of RESULTS.md, as SVG."""

import sys
from collections.abc import Mapping, Sequence
from statistics import median

import pygal
from pygal.style import CleanStyle

from benchmarks.contest import Outcome
from benchmarks.figures import CPU, PERCENTILES, RATE
from benchmarks.load.loads import EchoLoad

# It looks for plugins with maps, in a way of which Python 3.11 warns at each import.
sys.meta_path[:] = [
    finder
    for finder in sys.meta_path
    if not isinstance(finder, pygal.PluginImportFixer)
]

Points = Mapping[str, Sequence[tuple[float, float]]]
"""Of each line, by its name."""

UNDER_LOAD = ("echo-50", "crowd-one-room", "crowd-rooms-of-40")
"""The scenarios whose latencies are drawn."""


def plots(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """
    Draw what was measured of the plots' topics.

    Returns:
        Each plot's file name, and its text.
    """
    drawn = {}
    if points := fan_out_points(outcomes):
        drawn["fan-out.svg"] = _draw(
            "Fan-out by sockets", "sockets in the room", "deliveries/s", points
        )
    if points := rooms_points(outcomes):
        drawn["rooms.svg"] = _draw(
            "Cost of a message by rooms", "rooms in memory", "us of CPU/echo", points
        )
    for outcome in outcomes:
        if outcome.scenario.name in UNDER_LOAD:
            drawn[f"latency-{outcome.scenario.name}.svg"] = _draw_latencies(outcome)
    return drawn


def fan_out_points(outcomes: Sequence[Outcome]) -> Points:
    """Return every peer's deliveries, by how many sockets there were."""
    points: dict[str, list[tuple[float, float]]] = {}
    for outcome in outcomes:
        if outcome.scenario.topic == "fan-out":
            for name, turns in outcome.turns.items():
                rate = median(turn.value(RATE) for turn in turns)
                points.setdefault(name, []).append((outcome.scenario.at, rate))
    return points


def rooms_points(outcomes: Sequence[Outcome]) -> Points:
    """Return the CPU time of an echo, by how many rooms there were."""
    points = []
    for outcome in outcomes:
        if outcome.scenario.topic == "rooms":
            for name, turns in outcome.turns.items():
                load = outcome.scenario.sides[name].load
                assert isinstance(load, EchoLoad)
                cost = median(turn.value(CPU) for turn in turns)
                points.append((float(load.rooms + load.asked), cost))
    return {"partyrooms": sorted(points)} if points else {}


def latencies(outcome: Outcome) -> dict[str, list[float]]:
    """Return the milliseconds of each percentile, by side."""
    return {
        name: [median(turn.latencies[p] for turn in turns) for p in PERCENTILES]
        for name, turns in outcome.turns.items()
    }


def _draw(title: str, across: str, up: str, points: Points) -> str:
    """Draw a line for each name, with equal steps between the numbers across."""
    ticks = sorted({x for line in points.values() for x, _y in line})
    chart = pygal.Line(**_look(title, across, up))
    chart.x_labels = [f"{tick:,.0f}" for tick in ticks]
    for name, line in points.items():
        known = dict(line)
        chart.add(name, [known.get(tick) for tick in ticks])
    return str(chart.render(is_unicode=True)) + "\n"


def _draw_latencies(outcome: Outcome) -> str:
    title = f"Latency: {outcome.scenario.measure}"
    chart = pygal.Line(**_look(title, "percentile", "ms", logarithmic=True))
    chart.x_labels = list(PERCENTILES)
    for name, line in latencies(outcome).items():
        chart.add(name, line)
    return str(chart.render(is_unicode=True)) + "\n"


def _look(title: str, across: str, up: str, **options: object) -> dict[str, object]:
    return {
        "title": title,
        "x_title": across,
        "y_title": up,
        "style": CleanStyle,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 2,
        # A random name would make each file differ from the last one.
        "no_prefix": True,
        "js": (),
        **options,
    }
