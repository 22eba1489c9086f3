"""The tables, for the terminal and for RESULTS.md."""

from collections.abc import Mapping, Sequence
from datetime import date

from benchmarks.contest import DISTURBED, Failure, Pace
from benchmarks.figures import Row, amount, middle

METHOD = """\
Server and load generator are on a core of their own each, and one process each where
nothing else is said. Every server is uvicorn with one worker and the same options:
uvloop, httptools, the sansio WebSocket implementation, no compression, no access log.
The load generator is picows on uvloop (HTTP: httptools on uvloop); messages have 64
bytes.

The sides of a measure take turns (A B, B A, ...) and the **ratio** is the median of the
ratios of the turns that belong together; the figures are medians of {turns} turns of
{duration:g} s after {warm_up:g} s of warm-up. Absolute figures depend on the machine
and on what else it does; ratios hardly do. "By CPU" is the ratio of what each side
made of a CPU second of its server. "Busy" is CPU time through time: a server well
below 100 % was not the limit. A turn in which other processes used more than
{disturbed} of a core is repeated up to {repeats} times, and the calmest one counts.

- Echo: every socket sends when its last message is back.
- Fan-out: every message goes to all sockets of the room, ten messages under way at a
  time.
- Stored echo: `storage.put`, then `send`; the answer leaves after the commit. SQLite in
  WAL mode, `synchronous=NORMAL`.
- HTTP: 16 keep-alive connections, each with one request under way. The DRF view answers
  from a constant, or stores with one `UPDATE` and one `SELECT`; the site of partyrooms
  has its `BeforeHooksMiddleware` on top of the view's `MIDDLEWARE`.
- Memory: what the resident memory of a fresh server grew by with 1,000 sockets that say
  nothing, all in one room.
- A room that sleeps: what the resident memory of a fresh server grew by with 10,000
  rooms that were asked once each and hibernate, beside as many that do not; one turn.
- Of 2 processes: two web processes, with partyrooms also one room worker that owns the
  room, and a Valkey, all on the servers' core; their CPU times are added up. partyrooms
  uses `RedisPubSubChannelLayer`, the plain consumer `RedisChannelLayer`.
- From another process: one socket that waits for each echo, the median of 500; the
  owner is that room worker, or the web process itself. Wanted is how much it may add.
"""


def table(rows: Sequence[Row]) -> str:
    """Draw the rows as a Markdown table that is readable as it is."""
    return _draw(
        (
            "measure",
            "peer",
            "ours",
            "peer's",
            "ratio",
            "range",
            "by CPU",
            "wanted",
            "met",
        ),
        [
            (
                row.measure,
                row.peer,
                amount(middle(row.ours).figure),
                f"{amount(middle(row.theirs).figure)} {row.unit}",
                _digits(row.ratio),
                f"{_digits(min(row.ratios))}-{_digits(max(row.ratios))}",
                "" if row.ratio_by_cpu is None else _digits(row.ratio_by_cpu),
                "" if row.wanted is None else str(row.wanted),
                {None: "", True: "yes", False: "NO"}[row.is_met],
            )
            for row in rows
        ],
    )


def limits(rows: Sequence[Row]) -> str:
    """Draw how busy the processes were."""
    return _draw(
        (
            *("measure", "peer", "our server", "generator", "others"),
            *("peer's server", "generator", "others"),
        ),
        [
            (
                row.measure,
                row.peer,
                f"{our.server_busy:.0%}",
                f"{our.generator_busy:.0%}",
                f"{our.others_busy:.0%}",
                f"{their.server_busy:.0%}",
                f"{their.generator_busy:.0%}",
                f"{their.others_busy:.0%}",
            )
            for row in rows
            if (our := middle(row.ours)).server_busy
            and (their := middle(row.theirs)).server_busy
        ],
    )


def results(
    rows: Sequence[Row],
    failures: Sequence[Failure],
    *,
    machine: Mapping[str, str],
    pace: Pace,
    day: date,
) -> str:
    """Write the whole of RESULTS.md."""
    method = METHOD.format(
        turns=pace.turns,
        duration=pace.duration,
        warm_up=pace.warm_up,
        repeats=pace.repeats,
        disturbed=f"{DISTURBED:.0%}",
    )
    parts = [
        "# How fast partyrooms is",
        f"Measured on {day.isoformat()} by `make bench`, which wrote this file.",
        table(rows),
        *(f"**Failed**: {f.measure}, {f.side}: {f.reason}" for f in failures),
        "## Method",
        method.strip(),
        "## How busy the processes were",
        limits(rows),
        "## Machine",
        _draw(("what", "value"), list(machine.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _digits(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def _draw(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |"
        for line in (head, rule, *lines)
    )
