"""The threads of plain hooks: a few that hang keep nobody else waiting."""

import threading

import pytest

from partyrooms.runtime.threads import HookThreads
from partyrooms.testing.timeline import FakeClock
from tests.runtime.stage import PATIENCE

TIMEOUT = 30.0


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def hanging():
    """Set at the end, so that no thread outlives the test."""
    event = threading.Event()
    yield event
    event.set()


def hang(threads, hanging, count):
    """Let so many hooks begin that do not end."""
    begun = threading.Semaphore(0)

    def work():
        begun.release()
        hanging.wait(PATIENCE)

    for _ in range(count):
        threads.submit(work)
    for _ in range(count):
        assert begun.acquire(timeout=PATIENCE)


def test_d8_hooks_that_hang_take_no_thread_from_others(clock, hanging):
    """D8: round after round, each of as many as a pool has threads for, and more."""
    threads = HookThreads(TIMEOUT, clock.monotonic, size=2)

    for _ in range(3):
        hang(threads, hanging, 2)
        clock.elapsed += TIMEOUT

    assert threads.submit(sum, (1, 2)).result(PATIENCE) == 3
    threads.shutdown(wait=False)


def test_hooks_that_are_in_time_share_the_threads(clock, hanging):
    """No more run at once than a pool has threads for."""
    threads = HookThreads(TIMEOUT, clock.monotonic, size=2)
    hang(threads, hanging, 2)
    clock.elapsed += TIMEOUT - 1

    third = threads.submit(sum, (1, 2))

    assert not third.running()
    hanging.set()
    assert third.result(PATIENCE) == 3
    threads.shutdown()


def test_what_a_hook_raises_reaches_who_waits(clock):
    """And its thread is free again."""
    threads = HookThreads(TIMEOUT, clock.monotonic, size=1)

    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).result(PATIENCE)
    clock.elapsed += TIMEOUT

    assert threads.submit(sum, (1, 2)).result(PATIENCE) == 3
    threads.shutdown()
