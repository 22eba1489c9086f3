"""The search: every world that can come about, shortest course first."""

from collections import deque
from dataclasses import dataclass

from tests.core.ownership_model.steps import Rules, Size, steps
from tests.core.ownership_model.world import World, find_violation, first_world


@dataclass(frozen=True)
class Result:
    """
    What was found.

    Attributes:
        worlds: How many there are, or were until a violation.
        violation: Which promise was broken; None: none, in any course.
        course: The steps that lead to it.
    """

    worlds: int
    violation: str | None = None
    course: tuple[str, ...] = ()


def search(rules: Rules, size: Size) -> Result:
    """Try every course, up to the first world that must not be."""
    start = first_world(nodes=size.nodes, epochs=size.epochs)
    origins: dict[World, tuple[World, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        world = waiting.popleft()
        violation = find_violation(world)
        if violation is not None:
            return Result(len(origins), violation, _course(origins, world))
        for name, after in steps(world, rules, size):
            origin = (world, name)
            if origins.setdefault(after, origin) is origin:
                waiting.append(after)
    return Result(len(origins))


def _course(
    origins: dict[World, tuple[World, str] | None], world: World
) -> tuple[str, ...]:
    names: list[str] = []
    while (origin := origins[world]) is not None:
        world, name = origin
        names.append(name)
    return tuple(reversed(names))
