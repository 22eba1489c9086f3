"""Lets the sides of a scenario take turns."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.arena import Arena, RunningServer
from benchmarks.figures import Row, Turn, amount, unit_of
from benchmarks.processes import BenchmarkError
from benchmarks.scenario import Scenario, Side


@dataclass(frozen=True, kw_only=True)
class Pace:
    """
    How long to look.

    Args:
        rounds: In each of them every side takes a turn.
        warm_up: Seconds under load before a turn counts.
        duration: Seconds that count.
        repeats: How often a turn is repeated while other processes disturb it.
    """

    rounds: int
    warm_up: float
    duration: float
    repeats: int

    def rounds_of(self, scenario: Scenario) -> int:
        """Return how many rounds a scenario has."""
        return min(self.rounds, scenario.turns or self.rounds)


THOROUGH = Pace(rounds=5, warm_up=0.4, duration=1.2, repeats=2)
QUICK = Pace(rounds=3, warm_up=0.3, duration=0.6, repeats=0)
# Many short rounds: what disturbs one of them is no matter, and its CPU time counts.
COMPARING = Pace(rounds=9, warm_up=0.3, duration=0.8, repeats=0)

DISTURBED = 0.15
"""CPU seconds that other processes may use in a second; more makes a turn worthless."""


@dataclass(frozen=True)
class Outcome:
    """
    What a scenario showed.

    Attributes:
        turns: Of each side that took all of its turns.
        failures: Why each other side has none.
    """

    scenario: Scenario
    turns: dict[str, Sequence[Turn]]
    failures: dict[str, str]

    @property
    def rows(self) -> list[Row]:
        """The claims about sides that did not fail."""
        return [
            Row(
                measure=self.scenario.measure,
                unit=unit_of(claim.value, self.scenario.sides[claim.side].load.unit),
                side=claim.side,
                peer=claim.peer,
                ours=self.turns[claim.side],
                theirs=self.turns[claim.peer],
                wanted=claim.wanted,
                value=claim.value,
            )
            for claim in self.scenario.claims
            if claim.side in self.turns and claim.peer in self.turns
        ]


def run(
    arena: Arena, scenario: Scenario, pace: Pace, report: Callable[[str], None]
) -> Outcome:
    """
    Run a scenario: in each round every side takes a turn.

    The sides' order is reversed from round to round, so that none always follows the
    same one. A side that fails takes no further turn; the others go on.

    Args:
        report: Called with a line after every turn.
    """
    turns: dict[str, list[Turn]] = {name: [] for name in scenario.sides}
    failures: dict[str, str] = {}
    with ExitStack() as stack:
        servers: dict[str, RunningServer] = {}
        for number in range(pace.rounds_of(scenario)):
            for name in list(scenario.sides)[:: -1 if number % 2 else 1]:
                try:
                    if name not in failures:
                        turn = _take(arena, scenario, name, pace, stack, servers)
                        turns[name].append(turn)
                except BenchmarkError as error:
                    failures[name] = str(error)
                report(_describe(scenario, name, turns, failures))
    done = {name: taken for name, taken in turns.items() if name not in failures}
    return Outcome(scenario, done, failures)


def _take(
    arena: Arena,
    scenario: Scenario,
    name: str,
    pace: Pace,
    stack: ExitStack,
    servers: dict[str, RunningServer],
) -> Turn:
    side = scenario.sides[name]
    if scenario.fresh:
        with arena.serve(side.server) as server:
            return _load(arena, side, server, pace, scenario.stretch)
    if name not in servers:
        servers[name] = stack.enter_context(arena.serve(side.server))
    return _load(arena, side, servers[name], pace, scenario.stretch)


def _load(
    arena: Arena, side: Side, server: RunningServer, pace: Pace, stretch: float
) -> Turn:
    """Take the turn; if it was disturbed again and again, the calmest one counts."""
    turns = []
    for _ in range(1 + pace.repeats):
        turn = arena.load(
            side.load,
            server,
            warm_up=pace.warm_up * stretch,
            duration=pace.duration * stretch,
        )
        turns.append(turn)
        if turn.others_busy <= DISTURBED:
            break
    return min(turns, key=lambda turn: turn.others_busy)


def _describe(
    scenario: Scenario,
    name: str,
    turns: dict[str, list[Turn]],
    failures: dict[str, str],
) -> str:
    if name in failures:
        said = f"failed: {failures[name]}"
    else:
        unit = unit_of(scenario.value, scenario.sides[name].load.unit)
        said = f"{amount(turns[name][-1].value(scenario.value))} {unit}"
    return f"{scenario.measure}: {name}: {said}"
