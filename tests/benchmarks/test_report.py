"""The tables of the benchmark's report."""

from datetime import date

from benchmarks import report
from benchmarks.contest import THOROUGH, Failure
from benchmarks.figures import Row, Turn, Wanted

ECHO = Row(
    measure="echo",
    unit="echoes/s",
    peer="bare",
    ours=[Turn(figure=40_000, server_busy=0.99, generator_busy=0.3)],
    theirs=[Turn(figure=50_000, server_busy=0.98, generator_busy=0.4, others_busy=0.2)],
    wanted=Wanted(ratio=0.9),
)
MEMORY = Row(
    measure="memory",
    unit="bytes/socket",
    peer="bare",
    ours=[Turn(figure=24_000)],
    theirs=[Turn(figure=2_000)],
)


def cells(line: str) -> list[str]:
    """Return what stands between the bars."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_tells_figures_ratio_range_and_verdict():
    """A missed ratio is said in capitals; where none is asked there is no verdict."""
    _head, _rule, echo, memory = report.table([ECHO, MEMORY]).splitlines()

    assert cells(echo) == [
        *("echo", "bare", "40,000", "50,000 echoes/s"),
        *("0.80", "0.80-0.80", "0.79", ">= 0.9", "NO"),
    ]
    assert cells(memory) == [
        *("memory", "bare", "24,000", "2,000 bytes/socket"),
        *("12.0", "12.0-12.0", "", "", ""),
    ]


def test_all_lines_of_a_table_are_equally_long():
    """The Markdown can be read in a terminal."""
    assert len({len(line) for line in report.table([ECHO, MEMORY]).splitlines()}) == 1


def test_the_limits_leave_out_what_has_no_rate():
    """How busy a server was means something for rates only."""
    _head, _rule, *lines = report.limits([ECHO, MEMORY]).splitlines()

    assert [cells(line) for line in lines] == [
        ["echo", "bare", "99%", "30%", "0%", "98%", "40%", "20%"]
    ]


def test_the_results_name_method_machine_and_what_failed():
    """A reader sees how it was measured, on what, and what is missing."""
    text = report.results(
        [ECHO],
        [Failure("fan-out", "bare", "it said nothing")],
        machine={"Python": "CPython 3.11"},
        pace=THOROUGH,
        day=date(2026, 1, 2),
    )

    assert "Measured on 2026-01-02" in text
    assert "**Failed**: fan-out, bare: it said nothing" in text
    assert "medians of 5 turns" in text
    assert "CPython 3.11" in text
