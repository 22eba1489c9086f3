"""What an application gives to be sent: made plain, or refused with the reason."""

from enum import IntEnum, StrEnum

import pytest

from partyrooms.core.keys import RoomKey
from partyrooms.core.validation import as_closing, as_tags


class Plan(StrEnum):
    """A ``str`` that is none to the codecs between processes."""

    FREE = "free"


@pytest.mark.parametrize("tags", [(), [], None, ["x"] * 9, ["x" * 256], ("a", "b")])
def test_r18_tags_that_can_be(tags):
    """R18: up to 9 of 1-256 characters; None means none."""
    assert as_tags("id", tags) == tuple(dict.fromkeys(["id", *(tags or ())]))


@pytest.mark.parametrize(
    ("tags", "error", "text"),
    [
        ("red", TypeError, "returns a list of str, not 'red'"),
        ([1], TypeError, r"returns a list of str, not \[1\]"),
        (["x"] * 10, ValueError, "returned 10 tags; a connection has at most 9"),
        ([""], ValueError, "has 0"),
        (["x" * 257], ValueError, "has 257"),
        (1, TypeError, "returns a list of str, not 1"),
        (["\ud83d"], ValueError, "contains half of a surrogate pair"),
    ],
)
def test_r18_tags_that_cannot_be(tags, error, text):
    """R18: the error says what was returned and what is allowed."""
    with pytest.raises(error, match=text):
        as_tags("id", tags)


@pytest.mark.parametrize("code", [1000, 3000, 4999])
def test_r33_codes_and_reasons_that_can_be_sent(code):
    """R33: a reason counts in bytes."""
    reason = "é" * 61 + "x"

    assert as_closing(code, reason) == (code, reason)


@pytest.mark.parametrize("code", [0, 999, 1001, 1005, 1006, 1012, 2999, 5000])
def test_r33_codes_that_cannot_be_sent(code):
    """R33: they belong to the protocol."""
    with pytest.raises(ValueError, match=f"{code} is no close code"):
        as_closing(code, "")


def test_r33_a_reason_that_is_too_long():
    """R33: 62 characters of two bytes are."""
    with pytest.raises(ValueError, match="this one has 124"):
        as_closing(1000, "é" * 62)


@pytest.mark.parametrize(("code", "reason"), [("4000", ""), (4000.5, ""), (4000, None)])
def test_r33_what_is_no_code_or_no_reason(code, reason):
    """R33: the text shows what is."""
    with pytest.raises(TypeError, match=r'as in close\(4000, "why"\)'):
        as_closing(code, reason)


def test_r18_tags_ids_and_reasons_are_str_themselves():
    """R18, R33, R22: whatever made them."""
    tags = as_tags("id", [Plan.FREE])
    closing = as_closing(IntEnum("Code", {"KICKED": 4000}).KICKED, Plan.FREE)
    given = [*tags, *closing, RoomKey("lounge", Plan.FREE).room_id]

    assert given == ["id", "free", 4000, "free", "free"]
    assert [type(one) for one in given] == [str, str, int, str, str]


def test_r18_tags_may_be_anything_that_gives_str():
    """R18: a set, a generator; the id among them is not doubled."""
    assert as_tags("id", {"red"}) == ("id", "red")
    assert as_tags("id", (tag for tag in ("red", "id"))) == ("id", "red")
