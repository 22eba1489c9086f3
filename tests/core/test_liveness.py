"""Deaths and self-fencing, with the clock as an argument."""

from partyrooms.core.liveness import Observations, fence_at, observe

RULES = {"interval": 2.0, "lease_ttl": 10.0}


def watch(polls):
    """Run polls of (now, heartbeats); return who was dead at each."""
    observations, deaths = Observations(), []
    for now, heartbeats in polls:
        observations, dead = observe(observations, heartbeats, now=now, **RULES)
        deaths.append(dead)
    return deaths


def test_a_counter_that_stands_still_for_a_lease_is_a_death():
    """Not before the whole lease has passed by the observer's clock."""
    deaths = watch([(100 + t, {"a": 7}) for t in (0, 2, 4, 6, 8, 9.9, 10)])

    assert deaths == [[], [], [], [], [], [], ["a"]]


def test_a_counter_that_moves_starts_the_lease_anew():
    """Its value means nothing, only that it changed."""
    deaths = watch(
        [(t, {"a": 7 if t < 8 else 3, "b": 1}) for t in range(0, 17, 2)]
        + [(18, {"a": 3, "b": 2})]
    )

    assert deaths[5] == ["b"]
    assert deaths[8] == ["b"]
    assert deaths[9] == ["a"]


def test_a_node_seen_first_is_not_judged_by_its_age():
    """The window opens when the observer first sees the counter."""
    assert watch([(1_000_000, {"a": 0})]) == [[]]


def test_an_observer_that_was_away_starts_its_windows_anew():
    """A pause of its own, or of the database, kills nobody."""
    deaths = watch([(0, {"a": 1}), (6.1, {"a": 1}), (10, {"a": 1}), (15, {"a": 1})])

    assert deaths == [[], [], [], []]


def test_an_observer_that_was_late_keeps_watching():
    """Three intervals are still a watch."""
    assert watch([(0, {"a": 1}), (6, {"a": 1}), (10, {"a": 1})])[-1] == ["a"]


def test_a_node_that_left_is_forgotten():
    """If it comes back, its window is new."""
    deaths = watch([(0, {"a": 1}), (4, {}), (8, {"a": 1}), (12, {"a": 1})])

    assert deaths == [[], [], [], []]


def test_a_node_stops_before_the_others_may_take_it_for_dead():
    """Eight of ten seconds, from when the renewal was sent."""
    assert fence_at(100.0, 10.0) == 108.0
