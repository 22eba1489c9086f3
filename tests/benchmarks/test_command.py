"""What the benchmark's command line refuses, before anything is started."""

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rounds", "0"], "'0' is not a number from 1 on"),
        (["--rounds", "few"], "'few' is not a number from 1 on"),
        (["--compare", "/nowhere"], "/nowhere has no package partyrooms"),
        (["ecko"], "no rows are called ecko"),
    ],
)
def test_a_mistake_ends_with_what_is_allowed(arguments, words, monkeypatch, capsys):
    """A mistake costs no measurement: the command ends with 2 and says why."""
    monkeypatch.setattr("sys.argv", ["benchmarks", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert words in capsys.readouterr().err
