"""Every scenario, in the order of the report."""

from collections.abc import Collection

from benchmarks import scale, traffic
from benchmarks.scenario import Field, Scenario

MAKERS = (
    traffic.echo,
    traffic.fan_out,
    traffic.stored,
    traffic.http,
    traffic.auto_response,
    scale.crowd,
    scale.start,
    scale.memory,
    scale.across,
    scale.rooms,
)


def all_scenarios(absent: Collection[str] = ()) -> tuple[Scenario, ...]:
    """
    Return everything that is measured.

    Args:
        absent: Names of peers that stay away.
    """
    field = Field(absent)
    return tuple(scenario for make in MAKERS for scenario in make(field))
