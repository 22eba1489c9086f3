"""What a scenario is: sides under a load, and what is asked of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from benchmarks import peers
from benchmarks.figures import RATE, Wanted
from benchmarks.load.loads import Load
from benchmarks.peers import Server


@dataclass(frozen=True, kw_only=True)
class Side:
    """A server under a load."""

    server: Server
    load: Load


@dataclass(frozen=True, kw_only=True)
class Claim:
    """
    Which two sides make a row of the report, and what is asked for.

    Args:
        side: The one that is judged.
        peer: The other one.
        wanted: None: it is only shown.
        value: Which value of their turns is compared.
    """

    side: str
    peer: str
    wanted: Wanted | None = None
    value: str = RATE


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """
    Sides that run in turns, and what is compared.

    Args:
        topic: The word that selects it together with its like.
        name: The word that selects it alone.
        measure: What the report calls it.
        sides: By name; the first one is ours.
        claims: Between names of ``sides``.
        value: The value of a turn that says most.
        fresh: Each turn has a server process of its own.
        turns: Of each side at the most; None: as many as of every other scenario.
        stretch: How many times as long as others it warms up and counts.
        at: Where it stands on the plot of its topic.
    """

    topic: str
    name: str
    measure: str
    sides: Mapping[str, Side]
    claims: tuple[Claim, ...] = ()
    value: str = RATE
    fresh: bool = False
    turns: int | None = None
    stretch: float = 1.0
    at: float = 0.0

    def __post_init__(self) -> None:
        for claim in self.claims:
            if {claim.side, claim.peer} - self.sides.keys():
                raise ValueError(f"{self.name}: {claim} is not between its sides")


@dataclass(frozen=True)
class Field:
    """
    The peers that take part in a run.

    Attributes:
        ours: The side that the claims are about: the fast server, where it is there.
        bare: The bare ASGI app under the same protocol class.
        absent: Who stays away.
    """

    absent: Collection[str] = ()

    @property
    def ours(self) -> str:
        return peers.UVICORN if peers.SERVE in self.absent else peers.SERVE

    @property
    def bare(self) -> str:
        return peers.BARE if peers.BARE_FAST in self.absent else peers.BARE_FAST

    def sides(self, load: Load, *groups: Mapping[str, Server]) -> dict[str, Side]:
        """Put a load on every peer that takes part."""
        return {
            name: Side(server=server, load=load)
            for group in groups
            for name, server in group.items()
            if name not in self.absent
        }

    def claim(
        self,
        peer: str,
        wanted: float | None = None,
        *,
        value: str = RATE,
        at_most: bool = False,
    ) -> tuple[Claim, ...]:
        """Claim something about our side; nothing about a peer that stays away."""
        if peer in self.absent:
            return ()
        bound = None if wanted is None else Wanted(ratio=wanted, at_most=at_most)
        return (Claim(side=self.ours, peer=peer, wanted=bound, value=value),)


def select(
    scenarios: Collection[Scenario], words: Collection[str]
) -> tuple[Scenario, ...]:
    """
    Return the scenarios that the words mean; without words all of them.

    Args:
        words: Topics and names.

    Raises:
        ValueError: If a word means none.
    """
    known = {word for one in scenarios for word in (one.topic, one.name)}
    if unknown := sorted(set(words) - known):
        topics = ", ".join(dict.fromkeys(one.topic for one in scenarios))
        names = ", ".join(one.name for one in scenarios)
        raise ValueError(
            f"no rows are called {', '.join(unknown)}. Topics are: {topics}. "
            f"Single rows are: {names}."
        )
    return tuple(
        one for one in scenarios if not words or {one.topic, one.name} & set(words)
    )
