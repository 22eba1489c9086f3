"""How long a room's events take."""

import pytest

from partyrooms.core.pace import MEMORY, Pace


def test_g6_who_knows_nothing_turns_nobody_away():
    """G6: a room that keeps up has measured nothing."""
    pace = Pace()
    pace.handled(0, 5.0)

    assert pace.wait(1000) == 0.0


def test_g6_a_wait_is_the_events_times_what_one_takes():
    """G6: with all that the process did beside them."""
    pace = Pace()
    for _ in range(10):
        pace.handled(50, 0.1)

    assert pace.wait(1000) == pytest.approx(2.0)


def test_g6_one_slow_event_is_forgotten_with_the_next_slice():
    """G6: a hook that hung does not close the room to requests."""
    pace = Pace()
    pace.handled(1, 30.0)
    slow = pace.wait(100)
    pace.handled(50, 0.005)
    pace.handled(50, 0.005)

    assert slow > 100
    assert pace.wait(100) < 1.0


def test_g6_what_has_become_slow_is_known_soon():
    """G6: after as many events as the average is of."""
    pace = Pace()
    for _ in range(1000):
        pace.handled(50, 0.005)
    for _ in range(MEMORY):
        pace.handled(1, 1.0)

    assert pace.wait(10) > 5.0
