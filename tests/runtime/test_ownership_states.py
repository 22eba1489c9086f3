"""The ownership table."""

from itertools import product

import pytest

from partyrooms.runtime.ownership import (
    TRANSITIONS,
    Change,
    IllegalTransition,
    State,
    next_state,
)


def test_a_room_is_claimed_run_drained_and_released():
    """The way of every planned life."""
    state = State.ABSENT
    passed = []
    for event in (Change.CLAIM, Change.GRANT, Change.DRAIN, Change.RELEASE):
        state = next_state(state, event)
        passed.append(state)

    assert passed == [State.CLAIMING, State.OWNED, State.DRAINING, State.ABSENT]


@pytest.mark.parametrize("state", [State.CLAIMING, State.OWNED, State.DRAINING])
def test_whoever_has_or_wants_a_room_can_lose_it(state):
    """A node may be declared dead at any moment."""
    assert next_state(state, Change.LOSE) is State.LOST


def test_a_lost_room_is_never_owned_again_without_a_claim():
    """The only way out of LOST is ABSENT."""
    reachable = set(TRANSITIONS[State.LOST].values())

    assert reachable == {State.LOST, State.ABSENT}


@pytest.mark.parametrize(("state", "event"), list(product(State, Change)))
def test_a_pair_that_is_not_in_the_table_raises_and_names_both(state, event):
    """No event is passed over in silence."""
    if event in TRANSITIONS[state]:
        assert next_state(state, event) is TRANSITIONS[state][event]
        return
    with pytest.raises(IllegalTransition) as caught:
        next_state(state, event)

    assert str(caught.value) == f"{event.name} while {state.name}"
