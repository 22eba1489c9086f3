"""What tests of nodes wait for."""

import threading

import pytest

from tests.deadline import DEADLINE


@pytest.fixture
def wait_for():
    """Wait until a condition on the database holds, or fail after DEADLINE."""
    pause = threading.Event()

    def wait(condition):
        for _ in range(int(DEADLINE / 0.02)):
            if condition():
                return
            pause.wait(0.02)
        pytest.fail("what was waited for did not happen")

    return wait
