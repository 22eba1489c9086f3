"""The diagram of ownership is the table in the code."""

import re
from pathlib import Path

from partyrooms.runtime.ownership import TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs/explanation/ownership.md"


def test_the_diagram_has_every_transition_and_no_other():
    """A reader of the page sees what the code does."""
    arrow = re.compile(r"^ +([A-Z]+) --> ([A-Z]+): ([A-Z]+)$", re.MULTILINE)

    drawn = set(arrow.findall(PAGE.read_text()))

    assert drawn == {
        (state.name, target.name, event.name)
        for state, events in TRANSITIONS.items()
        for event, target in events.items()
    }
