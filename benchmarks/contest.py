"""Lets the sides of a bout take turns."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.bouts import Bout, Side
from benchmarks.figures import Row, Turn, amount
from benchmarks.processes import Arena, BenchmarkError, RunningServer


@dataclass(frozen=True, kw_only=True)
class Pace:
    """
    How long to look.

    Args:
        turns: Of every side.
        warm_up: Seconds under load before a turn counts.
        duration: Seconds that count.
        repeats: How often a turn is repeated while other processes disturb it.
    """

    turns: int
    warm_up: float
    duration: float
    repeats: int


@dataclass(frozen=True)
class Failure:
    """A side without figures, and why."""

    measure: str
    side: str
    reason: str


THOROUGH = Pace(turns=5, warm_up=0.4, duration=1.2, repeats=2)
QUICK = Pace(turns=3, warm_up=0.3, duration=0.6, repeats=0)

DISTURBED = 0.15
"""CPU seconds that other processes may use in a second; more makes a turn worthless."""

Report = Callable[[str], None]


def fight(
    arena: Arena, bout: Bout, pace: Pace, report: Report
) -> tuple[list[Row], list[Failure]]:
    """
    Run a bout and return its rows, and the sides that failed.

    The sides' order is reversed from turn to turn (A B, B A), so that none always
    follows the same one. A side that fails takes no further turn; the others go on.

    Args:
        report: Called with a line after every turn.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in bout.sides}
    failures: dict[str, Failure] = {}
    count = min(pace.turns, bout.turns or pace.turns)
    with ExitStack() as stack:
        servers: dict[str, RunningServer] = {}
        for number in range(count):
            for name in list(bout.sides)[:: -1 if number % 2 else 1]:
                if name in failures:
                    continue
                try:
                    turn = _take(arena, bout, name, pace, stack, servers)
                except BenchmarkError as error:
                    title = bout.comparisons[0].measure
                    failures[name] = Failure(title, name, str(error))
                    report(f"{title}: {name} failed: {error}")
                else:
                    turns[name].append(turn)
                    report(_describe(bout, name, turn))
    return _rows(bout, turns, count), list(failures.values())


def _take(
    arena: Arena,
    bout: Bout,
    name: str,
    pace: Pace,
    stack: ExitStack,
    servers: dict[str, RunningServer],
) -> Turn:
    side = bout.sides[name]
    if bout.fresh:
        with arena.serve(side.server) as server:
            return _run(arena, side, server, pace)
    if name not in servers:
        servers[name] = stack.enter_context(arena.serve(side.server))
    return _run(arena, side, servers[name], pace)


def _run(arena: Arena, side: Side, server: RunningServer, pace: Pace) -> Turn:
    """Take the turn; if it was disturbed again and again, the calmest one counts."""
    results = []
    for _ in range(1 + pace.repeats):
        results.append(
            arena.load(side.load, server, warm_up=pace.warm_up, duration=pace.duration)
        )
        if results[-1].others_busy <= DISTURBED:
            break
    calmest = min(results, key=lambda result: result.others_busy)
    return Turn(
        figure=calmest.figure,
        server_busy=calmest.server_busy,
        generator_busy=calmest.generator_busy,
        others_busy=calmest.others_busy,
    )


def _rows(bout: Bout, turns: dict[str, list[Turn]], count: int) -> list[Row]:
    """Return the rows of all sides that took every turn."""
    return [
        Row(
            measure=comparison.measure,
            unit=bout.sides[comparison.side].load.unit,
            peer=comparison.peer,
            ours=turns[comparison.side],
            theirs=turns[comparison.peer],
            wanted=comparison.wanted,
        )
        for comparison in bout.comparisons
        if len(turns[comparison.side]) == len(turns[comparison.peer]) == count
    ]


def _describe(bout: Bout, name: str, turn: Turn) -> str:
    return (
        f"{bout.comparisons[0].measure}: {name}: "
        f"{amount(turn.figure)} {bout.sides[name].load.unit}"
    )
