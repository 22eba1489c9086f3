"""Which tick is run, of those that have come."""

from datetime import UTC, datetime, timedelta

import pytest

from partyrooms.core.ticks import due_tick

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def minutes(*numbers):
    return [NOON + timedelta(minutes=number) for number in numbers]


@pytest.mark.parametrize(
    ("ticks", "due"),
    [
        ([], None),
        ([0], 0),
        ([1, 2, 3], 1),
        ([-3, -2, -1], -1),
        ([-2, -1, 0, 1], -1),
        ([-1, 5], -1),
    ],
)
def test_b10_ticks_follow_each_other_but_missed_ones_are_one(ticks, due):
    """B10: what came before the process looked runs once; the rest one by one."""
    tick = due_tick(minutes(*ticks), since=NOON)

    assert tick == (None if due is None else minutes(due)[0])
