"""The threads of plain hooks: a few that hang keep nobody else waiting."""

import threading
from concurrent.futures import CancelledError

import pytest

from partyrooms.runtime.threads import LANE_TIME, HookThreads, Lane
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


def test_g1_a_lane_runs_one_call_after_another(clock):
    """G1: in the order of the calls, however many threads are free."""
    threads = HookThreads(TIMEOUT, clock.monotonic, size=4)
    lane, order = Lane(threads), []

    calls = [lane.submit(order.append, number) for number in range(100)]
    for call in calls:
        call.result(PATIENCE)

    assert order == list(range(100))
    threads.shutdown()


def test_g1_lanes_without_calls_keep_no_thread(clock):
    """G1: many rooms share few threads, and one that does nothing has none."""
    threads = HookThreads(TIMEOUT, clock.monotonic, size=2)
    lanes = [Lane(threads) for _ in range(20)]

    ids = [lane.submit(threading.get_ident) for lane in lanes]

    assert len({one.result(PATIENCE) for one in ids}) <= 2
    threads.shutdown()


def test_g1_a_lane_that_hangs_holds_up_no_other(clock, hanging):
    """G1: nor does a call that raises hold up the next one of its lane."""
    threads = HookThreads(TIMEOUT, clock.monotonic, size=2)
    stuck, free = Lane(threads), Lane(threads)
    stuck.submit(hanging.wait, PATIENCE)

    with pytest.raises(ZeroDivisionError):
        free.submit(lambda: 1 / 0).result(PATIENCE)

    assert free.submit(sum, (1, 2)).result(PATIENCE) == 3
    hanging.set()
    threads.shutdown()


def test_g1_calls_of_a_lane_are_cancelled_when_the_threads_end(clock, hanging):
    """G1: who waits for one that never begins is told."""
    threads = HookThreads(TIMEOUT, clock.monotonic, size=1)
    lane = Lane(threads)
    begun = threading.Event()

    def first():
        begun.set()
        hanging.wait(PATIENCE)
        clock.elapsed += LANE_TIME

    lane.submit(first)
    second = lane.submit(sum, (1, 2))
    assert begun.wait(PATIENCE)
    threads.shutdown(wait=False)
    hanging.set()

    with pytest.raises(CancelledError):
        second.result(PATIENCE)
