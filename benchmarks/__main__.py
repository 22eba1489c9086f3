"""``python -m benchmarks``: measure, print the table, write RESULTS.md."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, report
from benchmarks.bouts import TOPICS, all_bouts
from benchmarks.contest import QUICK, THOROUGH, Failure, fight
from benchmarks.figures import Row
from benchmarks.processes import Arena, choose_cores

RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> int:
    """
    Run what the command line asks for.

    Returns:
        1 if something could not be measured. A ratio that misses what is wanted is a
        result like any other.
    """
    options = _parse(sys.argv[1:])
    pace = QUICK if options.quick else THOROUGH
    about = machine.describe()
    rows: list[Row] = []
    failures: list[Failure] = []
    with Arena(choose_cores()) as arena:
        for bout in all_bouts():
            if bout.topic in options.only:
                new_rows, new_failures = fight(arena, bout, pace, _say)
                rows += new_rows
                failures += new_failures
    print(report.table(rows), report.limits(rows), sep="\n\n")
    for failure in failures:
        print(f"FAILED: {failure.measure}, {failure.side}: {failure.reason}")
    if options.output:
        text = report.results(
            rows, failures, machine=about, pace=pace, day=datetime.now(UTC).date()
        )
        options.output.write_text(text)
    return 1 if failures else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(TOPICS),
        help=f"topics, with commas between them; all: {','.join(TOPICS)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter turns, more noise"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="where the report goes; by default RESULTS.md, if everything is measured",
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(TOPICS):
        parser.error(f"unknown topics {sorted(unknown)}; there are {', '.join(TOPICS)}")
    if (
        options.output is None
        and not options.quick
        and set(options.only) == set(TOPICS)
    ):
        options.output = RESULTS
    return options


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
