"""Plain functions in threads."""

import pytest

from partyrooms.core.plain import for_thread


def test_it_is_called_as_it_is():
    """Arguments and result pass; so does the name."""

    def add(one, two=0):
        return one + two

    assert for_thread(add)(1, two=2) == 3
    assert for_thread(add).__name__ == "add"


@pytest.mark.parametrize("error", [StopIteration, GeneratorExit])
def test_what_no_future_can_hold_becomes_an_error_that_it_can(error):
    """It names the function, and keeps the cause."""

    def first():
        raise error

    with pytest.raises(RuntimeError, match=f"first raised {error.__name__}") as caught:
        for_thread(first)()

    assert isinstance(caught.value.__cause__, error)


def test_other_errors_are_left_alone():
    """They are what the caller expects."""
    with pytest.raises(ZeroDivisionError):
        for_thread(lambda: 1 / 0)()
