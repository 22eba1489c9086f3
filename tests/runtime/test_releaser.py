"""Rooms that end together are given up together."""

import asyncio

import pytest

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import StoreUnavailable
from partyrooms.ports.records import Handover
from partyrooms.ports.store import NOTHING
from partyrooms.runtime.releaser import GROUP, Releaser
from partyrooms.testing.memory_store import MemoryStore
from tests.runtime.stage import patiently


class CountingStore(MemoryStore):
    """Notes how many rooms are given up at once; refuses some."""

    def __init__(self):
        super().__init__()
        self.sizes = []
        self.refused = None

    async def release(self, batch):
        self.sizes.append(len(batch))
        if any(claim == self.refused for claim, _ in batch):
            raise ValueError("not this one")
        await super().release(batch)


@pytest.fixture
def store():
    return CountingStore()


@pytest.fixture
def releaser(store):
    return Releaser(store, asyncio.create_task)


async def claims(store, number):
    return [await store.claim(RoomKey("chat", f"r{n}")) for n in range(number)]


def owners(store):
    return {room.fence.owner for room in store.tables.rooms.values()}


async def test_d6_rooms_that_end_together_share_transactions(store, releaser):
    """D6: thousands of single ones would take longer than a restart may."""
    held = await claims(store, GROUP + 10)

    await patiently(asyncio.gather(*(releaser.release(one, NOTHING) for one in held)))

    assert store.sizes == [GROUP, 10]
    assert owners(store) == {None}


async def test_a_room_that_ends_just_after_the_others_is_given_up(store, releaser):
    """At the moment when the last group has ended, and nobody looks any more."""
    first, second = await claims(store, 2)
    waits = []

    def release_second(done):
        waits.append(asyncio.create_task(releaser.release(second, NOTHING)))

    task = asyncio.create_task(releaser.release(first, NOTHING))
    await asyncio.sleep(0)
    releaser._task.add_done_callback(release_second)
    await patiently(task)
    await patiently(asyncio.gather(*waits))

    assert owners(store) == {None}


async def test_a_room_that_cannot_be_given_up_does_not_hold_up_the_others(
    store, releaser
):
    """Each is told what became of its own."""
    held = await claims(store, 3)
    store.refused = held[1]

    results = await patiently(
        asyncio.gather(
            *(releaser.release(one, Handover()) for one in held), return_exceptions=True
        )
    )

    assert [type(one) for one in results] == [type(None), ValueError, type(None)]
    assert owners(store) == {None, store.node_id}


async def test_d9_a_database_that_is_away_is_told_to_all(store, releaser):
    """D9: their rows still name this node, which may claim them again."""
    held = await claims(store, 3)
    store.tables.available = False

    results = await patiently(
        asyncio.gather(
            *(releaser.release(one, NOTHING) for one in held), return_exceptions=True
        )
    )

    assert [type(one) for one in results] == [StoreUnavailable] * 3
    assert store.sizes == [3]


@pytest.mark.parametrize("begun", [True, False])
async def test_whoever_waits_is_not_left_behind_when_the_node_ends(store, begun):
    """Its tasks are cancelled, perhaps before they begin; nobody waits for ever."""
    tasks = []

    def spawn(work):
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    releaser = Releaser(store, spawn)
    held = await claims(store, 2)

    waits = [asyncio.create_task(releaser.release(one, NOTHING)) for one in held]
    while not tasks or (begun and not store.sizes):  # noqa: ASYNC110 - no news
        await asyncio.sleep(0)
    tasks[0].cancel()
    await patiently(asyncio.wait(waits))

    assert all(wait.cancelled() for wait in waits)
