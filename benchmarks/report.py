"""The tables, for the terminal and for RESULTS.md."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import PurePath

from benchmarks.comparison import keeps_up
from benchmarks.contest import Outcome, Pace
from benchmarks.figures import CPU, PERCENTILES, RATE, Row, amount, middle
from benchmarks.method import method

MET = {None: "", True: "yes", False: "NO"}


def ratios(rows: Sequence[Row]) -> str:
    """Draw the rows as a Markdown table that is readable as it is."""
    return _draw(
        (
            *("measure", "of", "to", "ours", "peer's", "unit"),
            *("ratio", "range", "by CPU", "wanted", "met"),
        ),
        [
            (
                row.measure,
                row.side,
                row.peer,
                *_compared(row),
                "" if row.wanted is None else str(row.wanted),
                MET[row.is_met],
            )
            for row in rows
        ],
    )


def comparison(rows: Sequence[Row]) -> str:
    """Draw another checkout beside this one."""
    return _draw(
        (
            *("measure", "here", "there", "unit", "ratio", "range"),
            *("by CPU", "range by CPU", "wanted", "kept up"),
        ),
        [
            (
                row.measure,
                *_compared(row),
                _range(row.ratios_by_cpu),
                str(row.wanted),
                MET[keeps_up(row)],
            )
            for row in rows
        ],
    )


def figures(outcomes: Sequence[Outcome]) -> str:
    """Draw every side's medians, and how busy the processes were."""
    return _draw(
        (
            *("measure", "side", "figure", "unit", *(f"{p}, ms" for p in PERCENTILES)),
            *("CPU/unit, us", "server", "generator", "others"),
        ),
        [
            (outcome.scenario.measure, *_side(outcome, name))
            for outcome in outcomes
            for name in outcome.turns
        ],
    )


def failures(outcomes: Sequence[Outcome]) -> str:
    """Name the sides without figures, and why."""
    return "\n\n".join(
        f"**Failed**: {one.scenario.measure}, {name}: {reason}"
        for one in outcomes
        for name, reason in one.failures.items()
    )


def results(
    outcomes: Sequence[Outcome],
    absent: Mapping[str, str],
    *,
    machine: Mapping[str, str],
    pace: Pace,
    day: date,
    plots: Sequence[str] = (),
) -> str:
    """
    Write the whole of RESULTS.md.

    Args:
        absent: Peers that stayed away, and why.
        plots: Where they are, seen from the file.
    """
    rows = [row for one in outcomes for row in one.rows]
    verdicts = [row.is_met for row in rows if row.is_met is not None]
    parts = [
        "# How fast partyrooms is",
        f"Measured on {day.isoformat()} by `make bench`, which wrote this file. "
        f"{sum(verdicts)} of {len(verdicts)} rows reach what is wanted of them.",
        *(f"**Left out**: {name}: {reason}." for name, reason in absent.items()),
        failures(outcomes),
        "## Ratios",
        ratios(rows),
        *(f"![{PurePath(plot).stem}]({plot})" for plot in plots),
        "## Method",
        method(pace),
        "## Figures",
        figures(outcomes),
        "## Machine",
        _draw(("what", "value"), list(machine.items())),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _compared(row: Row) -> tuple[str, ...]:
    by_cpu = row.ratio_by_cpu
    return (
        amount(row.our_value),
        amount(row.their_value),
        row.unit,
        _digits(row.ratio),
        _range(row.ratios),
        "" if by_cpu is None else _digits(by_cpu),
    )


def _side(outcome: Outcome, name: str) -> tuple[str, ...]:
    turn = middle(outcome.turns[name])
    times = [turn.latencies.get(percentile) for percentile in PERCENTILES]
    busy = (turn.server_busy, turn.generator_busy, turn.others_busy)
    is_timed = bool(turn.server_busy)
    return (
        name,
        amount(turn.value(RATE)),
        outcome.scenario.sides[name].load.unit,
        *("" if one is None else amount(one) for one in times),
        amount(turn.value(CPU)) if is_timed else "",
        *(f"{share:.0%}" if is_timed else "" for share in busy),
    )


def _range(ratios: Sequence[float]) -> str:
    return f"{_digits(min(ratios))}-{_digits(max(ratios))}" if ratios else ""


def _digits(ratio: float) -> str:
    if ratio < 0.3:
        return f"{ratio:.3f}"
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def _draw(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |"
        for line in (head, rule, *lines)
    )
