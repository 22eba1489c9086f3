"""Rates and the bucket that counts against them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partyrooms.core.rates import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1/s", Rate(1, 1.0)), ("100/m", Rate(100, 60.0)), ("7/h", Rate(7, 3600.0))],
)
def test_a_rate_is_read_from_text(text: str, rate: Rate):
    """A number, a slash and the first letter of second, minute or hour."""
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "100", "100/", "/s", "0/s", "-1/s", "1.5/s", "100 / s", "100/sec", "100/s\n",
     "1" * 10 + "/s", "\u0661/s", None, 100],
)  # fmt: skip
def test_another_text_is_refused_with_what_is_allowed(text: object):
    """The error shows the text and an example."""
    with pytest.raises(ValueError, match='as in "100/s"'):
        Rate.parse(text)


def test_a_full_bucket_allows_a_burst_of_its_count():
    """A burst of the rate's count passes, the next event does not."""
    bucket = Rate(3, 1.0).bucket()

    taken = [bucket.take(10.0) for _ in range(4)]

    assert taken == [True, True, True, False]


def test_an_empty_bucket_fills_at_the_rate():
    """One token comes back each period / count seconds."""
    bucket = Rate(2, 1.0).bucket()
    assert bucket.take(0.0)
    assert bucket.take(0.0)

    assert not bucket.take(0.25)
    assert bucket.take(0.5)
    assert not bucket.take(0.5)


def test_a_long_pause_fills_the_bucket_no_further_than_its_count():
    """Unused time is not saved up."""
    bucket = Rate(2, 1.0).bucket()
    bucket.take(0.0)

    taken = [bucket.take(1000.0) for _ in range(3)]

    assert taken == [True, True, False]


@given(
    count=st.integers(1, 20),
    period=st.sampled_from([1.0, 60.0, 3600.0]),
    gaps=st.lists(st.floats(0, 100), max_size=60),
)
def test_no_more_pass_than_the_rate_and_one_burst(
    count: int, period: float, gaps: list[float]
):
    """In t seconds at most count * (1 + t / period) events pass."""
    bucket = Rate(count, period).bucket()
    now, passed = 0.0, 0
    for gap in gaps:
        now += gap
        passed += bucket.take(now)

    assert passed <= count * (1 + now / period) + 1e-6
