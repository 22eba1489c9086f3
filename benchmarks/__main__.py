"""
Measure partyrooms beside its peers, print the ratios, write RESULTS.md.

With --compare, measure another checkout of this repository beside this one instead.
"""

import argparse
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import comparison, machine, report
from benchmarks.arena import Arena, choose_cores
from benchmarks.contest import COMPARING, QUICK, THOROUGH, Outcome, Pace, run
from benchmarks.peers import absent_peers
from benchmarks.plots import plots
from benchmarks.progress import TurnProgress
from benchmarks.scenario import Scenario, select
from benchmarks.scenarios import all_scenarios

RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> int:
    """
    Run what the command line asks for.

    Returns:
        1 if something could not be measured, and with --compare also if this checkout
        is slower. A ratio that misses what is wanted is a result like any other.
    """
    parser = _parser()
    options = parser.parse_args()
    thorough = COMPARING if options.compare else THOROUGH
    pace = QUICK if options.quick else thorough
    if options.rounds is not None:
        pace = replace(pace, rounds=options.rounds)
    absent = absent_peers()
    if options.compare:
        absent = absent_peers(options.compare) | absent
    try:
        scenarios = select(
            all_scenarios(absent),
            options.rows or (comparison.TOPICS if options.compare else ()),
        )
    except ValueError as error:
        parser.error(str(error))
    if options.compare:
        return _compare(scenarios, options.compare, pace)
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
            outcomes,
            absent,
            machine=about,
            pace=pace,
            day=datetime.now(UTC).date(),
            plots=_write_plots(outcomes, output.parent),
        )
        output.write_text(text)
    return 1 if any(one.failures for one in outcomes) else 0


def _write_plots(outcomes: Sequence[Outcome], folder: Path) -> list[str]:
    """Write the plots, and return where they are, seen from the folder."""
    written = []
    for name, text in plots(outcomes).items():
        (folder / "plots").mkdir(exist_ok=True)
        (folder / "plots" / name).write_text(text)
        written.append(f"plots/{name}")
    return written


def _compare(scenarios: Collection[Scenario], checkout: Path, pace: Pace) -> int:
    outcomes = _run(comparison.beside(scenarios, checkout), pace)
    rows = [row for one in outcomes for row in one.rows]
    print(report.comparison(rows))
    print(report.failures(outcomes))
    is_slower = not all(comparison.keeps_up(row) for row in rows)
    return 1 if is_slower or any(one.failures for one in outcomes) else 0


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
    parser.add_argument("--rounds", type=_rounds, help="turns of every side")
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter turns, more noise"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="where the report goes; by default RESULTS.md, if everything is measured",
    )
    parser.add_argument(
        "--compare",
        type=_checkout,
        metavar="CHECKOUT",
        help="a folder with another state of this repository, such as a Git worktree; "
        f"by default in {', '.join(comparison.TOPICS)}",
    )
    return parser


def _rounds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _checkout(text: str) -> Path:
    folder = Path(text).resolve()
    if not (folder / "partyrooms" / "__init__.py").exists():
        raise argparse.ArgumentTypeError(
            f"{folder} has no package partyrooms; make such a folder with "
            "`git worktree add ../before main`"
        )
    return folder


if __name__ == "__main__":
    sys.exit(main())
