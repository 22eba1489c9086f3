"""A node's ownership of one room, from the claim to whatever ends it."""

import asyncio

import pytest

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomElsewhere, RoomStopped, StoreUnavailable
from partyrooms.ports.store import NOTHING
from partyrooms.runtime.ownership import Ownership, State
from partyrooms.runtime.releaser import Releaser
from partyrooms.testing.memory_store import MemoryStore
from tests.runtime.stage import HeldStore, patiently

LOBBY = RoomKey("chat", "lobby")


@pytest.fixture
def store():
    return HeldStore()


@pytest.fixture
def tenure(store):
    return Ownership(LOBBY, store, Releaser(store, asyncio.create_task))


def owner(store):
    return store.tables.room(LOBBY)[1].fence.owner


async def test_a_room_is_claimed_and_given_up(tenure, store):
    """S8: each period has an epoch of its own."""
    first = await tenure.claim()
    claimed = (tenure.state, owner(store))
    await tenure.release(first)
    second = await tenure.claim()

    assert claimed == (State.OWNED, store.node_id)
    assert (first.epoch, second.epoch) == (1, 2)
    await tenure.release(second)
    assert (tenure.state, owner(store)) == (State.ABSENT, None)


async def test_a_claim_that_is_refused_may_be_tried_again(tenure, store):
    """R10: another node has the room, or the database is away."""
    other = MemoryStore(store.tables)
    claim = await other.claim(LOBBY)

    with pytest.raises(RoomElsewhere):
        await tenure.claim()
    await other.release([(claim, NOTHING)])
    store.tables.available = False
    with pytest.raises(StoreUnavailable):
        await tenure.claim()
    store.tables.available = True

    assert tenure.state is State.ABSENT
    assert (await tenure.claim()).epoch == 2


async def test_a_claim_whose_wait_is_cancelled_may_be_made_again(tenure, store):
    """The row may name this node already; it may claim it anew."""
    hold = store.hold("claim")
    claiming = asyncio.create_task(tenure.claim())
    await patiently(hold.reached.wait())

    claiming.cancel()
    await asyncio.wait([claiming])

    assert tenure.state is State.ABSENT
    assert (await tenure.claim()).epoch == 1


@pytest.mark.parametrize("available", [True, False])
async def test_a_period_that_is_lost_while_it_is_claimed_does_not_begin(
    tenure, store, available
):
    """D1: though the store has granted it by then."""
    hold = store.hold("claim")
    claiming = asyncio.create_task(tenure.claim())
    await patiently(hold.reached.wait())

    was_this_nodes = tenure.lose()
    store.tables.available = available
    hold.go.set()

    with pytest.raises(RoomStopped if available else StoreUnavailable):
        await patiently(claiming)
    assert (was_this_nodes, tenure.state) == (True, State.ABSENT)


async def test_a_lost_period_is_not_released_in_the_store(tenure, store):
    """S8: the row may be another node's by now."""
    claim = await tenure.claim()
    tenure.lose()
    store.tables.available = False

    await tenure.release(claim)

    assert (tenure.state, owner(store)) == (State.ABSENT, store.node_id)


async def test_a_room_that_is_not_owned_cannot_be_lost(tenure):
    """There is nothing to end."""
    assert tenure.lose() is False


async def test_a_deleted_rooms_period_is_over_even_if_the_store_is_away(tenure, store):
    """P4: the room is there as before, and may be claimed."""
    claim = await tenure.claim()
    store.tables.available = False

    with pytest.raises(StoreUnavailable):
        await tenure.delete(claim)

    store.tables.available = True
    assert (await tenure.claim()).epoch == 2
