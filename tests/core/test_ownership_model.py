"""DESIGN 4.7: the ownership protocol holds in every course of a small world."""

import gc
import os
from dataclasses import replace

import pytest

from partyrooms.store.fence import judge
from tests.core.ownership_model.search import search
from tests.core.ownership_model.steps import Rules, Size


@pytest.fixture(autouse=True)
def _no_collection():
    """Worlds are many and hold no cycles; to look for some would double the time."""
    gc.disable()
    yield
    gc.enable()


SMALL = Size(nodes=2, epochs=2, ops=2)


def without_fence(row, node, commit):
    """Write for whoever asks, and take the version's word that it was written."""
    is_next = row.version == commit.version + 1
    last_commit = commit.id if is_next else row.last_commit
    epoch = commit.claim.epoch
    row = replace(row, owner=node, epoch=epoch, last_commit=last_commit)
    return judge(row, node, commit)


def without_version(row, node, commit):
    """Write for the owner, whatever was written before."""
    return judge(replace(row, version=commit.version), node, commit)


def test_no_course_breaks_a_promise():
    """
    D1, D2: with all rules nothing acknowledged is lost, applied twice or out of order.

    Whoever is declared dead, killed or paused, and whichever replies are lost.
    """
    result = search(Rules(), SMALL)

    assert result.violation is None, result.course
    assert result.worlds > 20_000, "the search was cut short"


@pytest.mark.skipif(
    os.environ.get("PARTYROOMS_CHAOS") != "long",
    reason="takes a minute; to run it: make chaos",
)
@pytest.mark.parametrize(
    "size", [Size(nodes=3), Size(epochs=3), Size(ops=3)], ids=["nodes", "epochs", "ops"]
)
def test_no_course_breaks_a_promise_in_a_larger_world(size):
    """The same with three processes, three ownership periods, three increments."""
    result = search(Rules(), size)

    assert result.violation is None, result.course


def test_without_the_fence_an_acknowledged_write_is_lost():
    """A replaced owner's late commit must write nothing (S8)."""
    result = search(Rules(judge=without_fence), SMALL)

    assert result.violation == "acknowledged but not stored: [1]"
    assert "0 is declared dead" in result.course


def test_without_the_version_a_commit_is_applied_twice():
    """A commit whose reply was lost is repeated, and must find that it is done."""
    result = search(Rules(judge=without_version), SMALL)

    assert result.violation == "applied twice: (0, 0)"
    assert "the commit of 0 is written, the reply is lost" in result.course


def test_without_the_epoch_filter_a_client_sees_the_old_owner_after_the_new_one():
    """What a replaced owner sent before may overtake nothing (D1)."""
    result = search(Rules(has_filter=False), SMALL)

    assert result.violation is not None
    assert result.violation.startswith("a lower epoch seen after a higher one")


def test_without_the_output_gate_a_client_is_told_what_is_not_stored():
    """Outputs leave behind the commit (G2)."""
    result = search(Rules(has_gate=False), SMALL)

    assert result.violation == "acknowledged but not stored: [0]"


def test_without_the_comparison_two_nodes_win_one_claim():
    """A claim takes the row only as it was when it was looked at."""
    result = search(Rules(has_comparison=False), SMALL)

    assert result.violation == "epoch 1 taken by nodes (0, 1)"
