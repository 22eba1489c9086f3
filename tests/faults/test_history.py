"""The history checker accepts what is good, and finds each kind of fault."""

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.faults.good_histories import good_histories, make_history
from tests.faults.lab.history import Kind, find_violations
from tests.faults.mutants import MUTANTS, inner_broadcasts


@given(good_histories())
def test_good_histories_are_accepted(history):
    """Crashes, hand-overs, late joiners and early leavers are no faults."""
    assert find_violations(history) == []


@given(good_histories())
def test_a_room_that_stores_nothing_is_known_by_what_it_told(history):
    """Without a database the clients' views are compared with each other."""
    history.stored = None

    assert find_violations(history) == []


@pytest.mark.parametrize("name", MUTANTS)
@given(history=good_histories(), chance=st.data())
@settings(max_examples=20)
def test_a_fault_is_found(name, history, chance):
    """Each mutant of a good history breaks its invariant, wherever it is done."""
    mutate, invariant = MUTANTS[name]

    mutate(history, lambda choices: pick(chance, choices))

    assert invariant in {found.invariant for found in find_violations(history)}


@given(history=good_histories(), chance=st.data())
def test_a_gap_in_the_view_of_one_client_is_found_without_a_database(history, chance):
    """What others have heard is enough to know that something was missed."""
    history.stored = None
    others_heard = [
        (visit, index)
        for visit, index in inner_broadcasts(history)
        if any(
            visit.frames[index][:4] == frame[:4]
            for other in history.visits
            if other is not visit
            for frame in other.frames
            if frame.kind is Kind.BROADCAST
        )
    ]
    visit, index = pick(chance, others_heard)
    del visit.frames[index]

    assert 3 in {found.invariant for found in find_violations(history)}


def test_a_violation_says_what_was_broken():
    """It is read by somebody who has to find out why."""
    history = make_history()
    mutate, _ = MUTANTS["an_acknowledged_write_is_lost"]
    lost = []
    mutate(history, lambda choices: lost.append(choices[0]) or choices[0])

    texts = [str(found) for found in find_violations(history)]

    assert any(lost[0].op in text and "is lost" in text for text in texts), texts


def pick(chance, choices):
    """Choose by Hypothesis; a history without any choice tells nothing."""
    choices = list(choices)
    if not choices:
        reject()
    return choices[chance.draw(st.integers(0, len(choices) - 1))]
