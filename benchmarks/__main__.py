"""Measure partyrooms beside its peers, print the ratios, write RESULTS.md."""

import argparse
import sys
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, report
from benchmarks.arena import Arena, choose_cores
from benchmarks.contest import QUICK, THOROUGH, Outcome, Pace, run
from benchmarks.peers import absent_peers
from benchmarks.progress import TurnProgress
from benchmarks.scenario import Scenario, select
from benchmarks.scenarios import all_scenarios

RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> int:
    """
    Run what the command line asks for.

    Returns:
        1 if something could not be measured. A ratio that misses what is wanted is a
        result like any other.
    """
    parser = _parser()
    options = parser.parse_args()
    pace = QUICK if options.quick else THOROUGH
    if options.rounds is not None:
        pace = replace(pace, rounds=options.rounds)
    absent = absent_peers()
    try:
        scenarios = select(all_scenarios(absent), options.rows)
    except ValueError as error:
        parser.error(str(error))
    return _measure(scenarios, absent, pace, options)


def _measure(
    scenarios: Collection[Scenario],
    absent: dict[str, str],
    pace: Pace,
    options: argparse.Namespace,
) -> int:
    about = machine.describe()
    for name, reason in absent.items():
        print(f"Left out: {name}: {reason}.", file=sys.stderr)
    outcomes = _run(scenarios, pace)
    print(report.ratios([row for one in outcomes for row in one.rows]))
    print(report.failures(outcomes))
    output = options.output
    if output is None and not options.rows and not options.quick:
        output = RESULTS
    if output is not None:
        text = report.results(
            outcomes, absent, machine=about, pace=pace, day=datetime.now(UTC).date()
        )
        output.write_text(text)
    return 1 if any(one.failures for one in outcomes) else 0


def _run(scenarios: Collection[Scenario], pace: Pace) -> list[Outcome]:
    turns = sum(pace.rounds_of(one) * len(one.sides) for one in scenarios)
    with Arena(choose_cores()) as arena, TurnProgress(turns) as progress:
        return [run(arena, one, pace, progress.advance) for one in scenarios]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    topics = ", ".join(dict.fromkeys(one.topic for one in all_scenarios()))
    parser.add_argument(
        "rows",
        nargs="*",
        help=f"what is measured; by default all: {topics}, or a single row's name",
    )
    parser.add_argument("--rounds", type=int, help="turns of every side")
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter turns, more noise"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="where the report goes; by default RESULTS.md, if everything is measured",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
