"""Waiting for commits that are settled in order."""

import asyncio

import pytest

from partyrooms.exceptions import RoomStopped
from partyrooms.runtime.commit_waiters import CommitWaiters
from tests.runtime.stage import turns_of_the_loop


async def waiting(*numbers):
    """Waiters, and a task that waits for each number."""
    waiters = CommitWaiters()
    tasks = [asyncio.create_task(waiters.wait(number)) for number in numbers]
    await turns_of_the_loop()
    return waiters, tasks


async def test_who_waits_for_a_later_commit_goes_on_waiting():
    """One that is settled wakes all that wait for it, or for an earlier one."""
    waiters, (first, second, third) = await waiting(1, 2, 3)

    waiters.wake(2)
    await turns_of_the_loop()
    woken = first.done(), second.done(), third.done()
    waiters.wake(3)
    await third

    assert woken == (True, True, False)


async def test_nobody_waits_for_what_will_not_be_settled():
    """Each of them hears why; one that has given up does not."""
    waiters, (first, second) = await waiting(1, 2)
    first.cancel()
    await turns_of_the_loop()

    waiters.fail(RoomStopped("lost"))

    with pytest.raises(RoomStopped, match="lost"):
        await second
    assert first.cancelled()
