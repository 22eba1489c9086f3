"""What is measured."""

import pytest

from benchmarks import peers
from benchmarks.scenario import Claim, Field, Scenario, select
from benchmarks.scenarios import all_scenarios

FAST = {peers.SERVE, peers.BARE_FAST}


def test_names_and_topics_are_told_apart():
    """A word selects one row or all of a topic, never both by chance."""
    names = [one.name for one in all_scenarios()]

    assert len(set(names)) == len(names)
    for one in all_scenarios():
        assert one.name == one.topic or one.name not in {
            other.topic for other in all_scenarios()
        }


def test_words_select_topics_and_single_rows():
    """The order is the report's, whatever the order of the words."""
    chosen = select(all_scenarios(), ["stored-1", "echo"])

    assert [one.name for one in chosen] == ["echo-1", "echo-50", "echo-100", "stored-1"]


def test_without_words_everything_is_selected():
    """``make bench`` measures all."""
    assert select(all_scenarios(), []) == all_scenarios()


def test_a_word_that_means_nothing_is_refused_with_those_that_do():
    """A misspelled row is not left out in silence."""
    with pytest.raises(ValueError, match=r"called ecko\. Topics are: echo, fan-out, "):
        select(all_scenarios(), ["ecko", "echo"])


def test_the_claims_are_about_the_fast_server():
    """Where ``serve`` is there, it is ours, and the bare app has its protocol."""
    field = Field()

    assert field.ours == peers.SERVE
    assert field.bare == peers.BARE_FAST


def test_without_the_fast_server_the_claims_are_about_uvicorn():
    """Then the bare app has uvicorn's protocol as well."""
    assert Field(FAST).ours == peers.UVICORN
    assert Field(FAST).bare == peers.BARE
    for scenario in all_scenarios(FAST):
        assert not FAST & scenario.sides.keys()
        assert not FAST & {claim.peer for claim in scenario.claims}


def test_a_peer_that_stays_away_takes_its_rows_with_it():
    """Without Node the rest is measured as ever."""
    scenarios = all_scenarios({peers.WORKERD})

    assert len(scenarios) == len(all_scenarios())
    assert all(peers.WORKERD not in one.sides for one in scenarios)
    assert all(c.peer != peers.WORKERD for one in scenarios for c in one.claims)


def test_what_cannot_run_here_is_named_with_what_brings_it(monkeypatch):
    """Without Node the line says which packages have it."""
    monkeypatch.setattr("shutil.which", lambda name: None)

    absent = peers.absent_peers()

    assert absent[peers.WORKERD] == (
        "node and npm not found; Debian's packages are nodejs and npm"
    )


def test_a_claim_is_between_sides_of_its_scenario():
    """A peer that is spelled differently is noticed before an hour is measured."""
    with pytest.raises(ValueError, match="is not between its sides"):
        Scenario(
            topic="echo",
            name="echo-1",
            measure="echo",
            sides={},
            claims=(Claim(side="partyrooms", peer="bare"),),
        )
