"""What a command prints: for people, for people with rich, for programs."""

import json
from io import StringIO

import pytest

from partyrooms.management.console import output
from partyrooms.management.console.output import Output

PIECES = [[["chat/tea", 7], ["chat/a-longer-one", 12]], [["game/1\x1b[2J[red]", 1]]]


class Lines(StringIO):
    """Keeps what was written, a line each, as Django's stream does."""

    def __init__(self, *, is_terminal=False):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        return super().write(f"{text}\n")


def test_o11_a_program_gets_an_object_for_each_row():
    """O11: one JSON object a line, whatever the columns' widths are."""
    lines = Lines()

    assert Output(lines, is_json=True).table(("room", "epoch"), PIECES)

    objects = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert objects[0] == {"room": "chat/tea", "epoch": 7}
    assert len(objects) == 3


def test_o11_without_rich_a_terminal_gets_plain_columns(monkeypatch):
    """O11: rich is an extra."""
    monkeypatch.setattr(output, "find_spec", lambda name: None)
    lines = Lines(is_terminal=True)

    Output(lines, is_json=False).table(("room", "epoch"), PIECES[:1])

    assert lines.getvalue().splitlines() == [
        "ROOM               EPOCH",
        "chat/tea               7",
        "chat/a-longer-one     12",
    ]


def test_o11_with_rich_a_terminal_gets_a_table():
    """O11: nothing in a name is taken for rich's markup."""
    lines = Lines(is_terminal=True)

    Output(lines, is_json=False).table(("room", "epoch"), PIECES)

    drawn = lines.getvalue()
    assert "─" in drawn
    assert "[red]" in drawn
    assert drawn.count("room") == 1


@pytest.mark.parametrize("is_json", [True, False])
def test_nothing_found_is_told_to_the_caller(is_json):
    """What stands there instead is the command's to say."""
    lines = Lines()

    assert not Output(lines, is_json=is_json).table(("room",), [])
    assert lines.getvalue() == ""


def test_o11_facts_are_lines_or_one_object():
    """O11: keys of JSON have no spaces."""
    people, program = Lines(), Lines()
    facts = {"room": "chat/tea", "stop requested": False}

    Output(people, is_json=False).fields(facts)
    Output(program, is_json=True).fields(facts)

    assert people.getvalue() == "room            chat/tea\nstop requested  no\n"
    assert json.loads(program.getvalue()) == {
        "room": "chat/tea",
        "stop_requested": False,
    }
