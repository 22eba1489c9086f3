"""The tables of the benchmark's report."""

from datetime import date

from benchmarks import report
from benchmarks.contest import THOROUGH, Outcome
from benchmarks.figures import RATE, Row, Turn, Wanted
from benchmarks.load.loads import EchoLoad, IdleLoad
from benchmarks.peers import Server
from benchmarks.scenario import Claim, Scenario, Side

OURS = Turn(
    figure=40_000,
    latencies={"p50": 1.25, "p90": 2, "p99": 3, "p99.9": 123.4},
    server_busy=0.8,
    generator_busy=0.3,
)
THEIRS = Turn(figure=50_000, server_busy=0.5, generator_busy=0.4, others_busy=0.2)


def outcome(**failures: str) -> Outcome:
    """Make the outcome of an echo in which ours missed what is wanted."""
    side = Side(server=Server(), load=EchoLoad(party="echo", sockets=50))
    scenario = Scenario(
        topic="echo",
        name="echo-50",
        measure="echo",
        sides={"ours": side, "bare": side},
        claims=(Claim(side="ours", peer="bare", wanted=Wanted(ratio=0.9)),),
    )
    turns = {"ours": [OURS], "bare": [THEIRS]}
    done = {name: taken for name, taken in turns.items() if name not in failures}
    return Outcome(scenario, done, failures)


def idle() -> Outcome:
    """Make an outcome that has no rate, and nothing that is wanted."""
    side = Side(server=Server(), load=IdleLoad(party="echo", sockets=50))
    scenario = Scenario(
        topic="memory",
        name="memory",
        measure="memory",
        sides={"ours": side, "bare": side},
        claims=(Claim(side="ours", peer="bare"),),
    )
    turns = {"ours": [Turn(figure=24_000)], "bare": [Turn(figure=2_000)]}
    return Outcome(scenario, turns, {})


def cells(line: str) -> list[str]:
    """Return what stands between the bars."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_tells_figures_ratio_range_and_verdict():
    """A missed ratio is said in capitals; where none is asked there is no verdict."""
    rows = outcome().rows + idle().rows

    _head, _rule, echo, memory = report.ratios(rows).splitlines()

    assert cells(echo) == [
        *("echo", "ours", "bare", "40,000", "50,000", "echoes/s"),
        *("0.80", "0.80-0.80", "0.50", ">= 0.9", "NO"),
    ]
    assert cells(memory) == [
        *("memory", "ours", "bare", "24,000", "2,000", "bytes/socket"),
        *("12.0", "12.0-12.0", "", "", ""),
    ]


def test_all_lines_of_a_table_are_equally_long():
    """The Markdown can be read in a terminal."""
    rows = outcome().rows + idle().rows

    lines = report.ratios(rows).splitlines()

    assert len({len(line) for line in lines}) == 1


def test_the_figures_tell_of_every_side():
    """A side that was not timed, and one whose CPU nobody read, have empty cells."""
    _head, _rule, *lines = report.figures([outcome(), idle()]).splitlines()

    assert [cells(line) for line in lines] == [
        [
            *("echo", "ours", "40,000", "echoes/s", "1.25", "2.00", "3.00", "123"),
            *("20.00", "80%", "30%", "0%"),
        ],
        [
            *("echo", "bare", "50,000", "echoes/s", "", "", "", ""),
            *("10.00", "50%", "40%", "20%"),
        ],
        ["memory", "ours", "24,000", "bytes/socket", *[""] * 8],
        ["memory", "bare", "2,000", "bytes/socket", *[""] * 8],
    ]


def test_a_side_that_failed_has_no_row():
    """The other sides have theirs."""
    failed = outcome(bare="it said nothing")

    assert failed.rows == []
    assert "ours" in report.figures([failed])
    assert report.failures([failed]) == "**Failed**: echo, bare: it said nothing"


def test_a_comparison_tells_both_ranges_and_the_verdict():
    """The verdict is by CPU: the plain ratio was within the bound here."""
    row = Row(
        measure="echo",
        unit="echoes/s",
        side="here",
        peer="there",
        ours=[Turn(figure=98, server_busy=1.0)],
        theirs=[Turn(figure=100, server_busy=0.9)],
        wanted=Wanted(ratio=0.95),
        value=RATE,
    )

    _head, _rule, line = report.comparison([row]).splitlines()

    assert cells(line) == [
        *("echo", "98.00", "100", "echoes/s", "0.98", "0.98-0.98"),
        *("0.88", "0.88-0.88", ">= 0.95", "NO"),
    ]


def test_the_results_name_method_machine_and_what_is_missing():
    """A reader sees how it was measured, on what, and who was not there."""
    text = report.results(
        [outcome(), outcome(bare="it said nothing")],
        {"workerd": "node not found"},
        machine={"Python": "CPython 3.11"},
        pace=THOROUGH,
        day=date(2026, 1, 2),
        plots=["plots/fan-out.svg"],
    )

    assert "Measured on 2026-01-02" in text
    assert "0 of 1 rows reach what is wanted" in text
    assert "**Left out**: workerd: node not found." in text
    assert "**Failed**: echo, bare: it said nothing" in text
    assert "medians of 5 rounds" in text
    assert "CPython 3.11" in text
    assert "![fan-out](plots/fan-out.svg)" in text
