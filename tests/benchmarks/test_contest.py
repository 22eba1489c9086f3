"""Who takes a turn when."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.contest import DISTURBED, Pace, run
from benchmarks.figures import Turn
from benchmarks.load.loads import EchoLoad
from benchmarks.peers import Server
from benchmarks.processes import BenchmarkError
from benchmarks.scenario import Claim, Scenario, Side

PACE = Pace(rounds=3, warm_up=1, duration=2, repeats=2)


class FakeArena:
    """
    Starts nothing, and notes who was served and loaded.

    A server's module is its name; what it shows are the turns it was given.
    """

    def __init__(self, **turns: list[Turn]) -> None:
        self._turns = {name: iter(taken) for name, taken in turns.items()}
        self.served: list[str] = []
        self.loaded: list[str] = []
        self.durations: set[tuple[float, float]] = set()

    @contextmanager
    def serve(self, server: Server) -> Iterator[str]:
        self.served.append(server.module)
        yield server.module

    def load(
        self, load: EchoLoad, server: str, *, warm_up: float, duration: float
    ) -> Turn:
        self.loaded.append(server)
        self.durations.add((warm_up, duration))
        turn = next(self._turns[server], None)
        if turn is None:
            raise BenchmarkError(f"{server} cannot go on")
        return turn


def turns(*figures: float, others: float = 0.0) -> list[Turn]:
    """Make turns of these figures."""
    return [Turn(figure=figure, others_busy=others) for figure in figures]


def scenario(**options: object) -> Scenario:
    """Make one of the sides a, b and c."""
    load = EchoLoad(party="echo", sockets=1)
    return Scenario(
        topic="echo",
        name="echo",
        measure="echo",
        sides={name: Side(server=Server(module=name), load=load) for name in "abc"},
        claims=(Claim(side="a", peer="b"), Claim(side="a", peer="c")),
        **options,
    )


def test_every_side_takes_a_turn_in_each_round():
    """The order is reversed from round to round; a server serves all of its turns."""
    arena = FakeArena(a=turns(1, 2, 3), b=turns(4, 5, 6), c=turns(7, 8, 9))

    outcome = run(arena, scenario(), PACE, print)

    assert "".join(arena.loaded) == "abc" + "cba" + "abc"
    assert arena.served == ["a", "b", "c"]
    assert [turn.figure for turn in outcome.turns["b"]] == [4, 5, 6]
    assert [row.peer for row in outcome.rows] == ["b", "c"]


def test_a_side_that_fails_takes_no_further_turn():
    """The others go on, and have their rows."""
    arena = FakeArena(a=turns(1, 2, 3), b=turns(4), c=turns(7, 8, 9))

    outcome = run(arena, scenario(), PACE, print)

    assert "".join(arena.loaded) == "abc" + "cba" + "ac"
    assert outcome.failures == {"b": "b cannot go on"}
    assert [row.peer for row in outcome.rows] == ["c"]


def test_a_disturbed_turn_is_repeated_until_it_is_calm():
    """If it never is, the calmest one counts."""
    arena = FakeArena(
        a=turns(1, others=1) + turns(2, others=DISTURBED),
        b=turns(3, others=0.9) + turns(4, others=0.4) + turns(5, others=0.8),
        c=turns(6),
    )

    outcome = run(arena, scenario(turns=1), PACE, print)

    assert "".join(arena.loaded) == "aabbbc"
    figures = {name: taken[0].figure for name, taken in outcome.turns.items()}
    assert figures == {"a": 2, "b": 4, "c": 6}


def test_each_turn_may_have_a_server_of_its_own():
    """Memory that was used once is not given back."""
    arena = FakeArena(a=turns(1, 2, 3), b=turns(4, 5, 6), c=turns(7, 8, 9))

    run(arena, scenario(fresh=True), PACE, print)

    assert "".join(arena.served) == "abc" + "cba" + "abc"


def test_a_scenario_may_look_longer_than_others():
    """Many sockets take longer to warm up."""
    arena = FakeArena(a=turns(1), b=turns(4), c=turns(7))

    run(arena, scenario(turns=1, stretch=2.5), PACE, print)

    assert arena.durations == {(2.5, 5.0)}


def test_every_turn_is_reported():
    """Whoever waits sees what was measured, and what failed."""
    lines: list[str] = []
    arena = FakeArena(a=turns(1000), b=turns(200), c=[])

    run(arena, scenario(turns=1), PACE, lines.append)

    assert lines == [
        "echo: a: 1,000 echoes/s",
        "echo: b: 200 echoes/s",
        "echo: c: failed: c cannot go on",
    ]
