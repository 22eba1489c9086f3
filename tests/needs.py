"""What some tests need and not every machine has."""

import os

import pytest

STRICT = "PARTYROOMS_REQUIRE_ALL"


def need(is_there: bool, what: str, command: str) -> None:
    """
    Skip what cannot run here and say how it could; under ``STRICT`` that is a failure.

    Args:
        is_there: Whether it can run.
        what: The thing that is missing if not.
        command: Brings it.
    """
    if is_there:
        return
    reason = f"{what} is missing; to bring it: {command}"
    if os.environ.get(STRICT) == "1":
        pytest.fail(f"{reason} ({STRICT}=1: nothing may be skipped)", pytrace=False)
    pytest.skip(reason)
