"""A node keeps nothing of rooms that are not in memory."""

import asyncio
import gc

from partyrooms import Room
from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.owner.node import Node
from partyrooms.requests import build_request
from partyrooms.store.memory import MemoryStore

ROOMS = 2_000


class Dormouse(Room):
    """Sleeps most of the time."""

    hibernate = True

    async def on_request(self, request):
        return {}


async def test_r24_sleeping_rooms_cost_a_node_nothing():
    """R24: no worker, no life, no task; only their rows are left."""
    elapsed = 0.0
    store = MemoryStore()
    node = Node(store, name="test", settings=get_settings(), clock=lambda: elapsed)
    for number in range(ROOMS):
        key = RoomKey("dormouse", str(number))
        request = build_request(
            key, "/", method="GET", headers=None, json=None, data=None, query=None
        )
        await node.bus.request(key, request)
    awake = len(node.busy)

    elapsed = 3600.0
    node.sweep()
    while node.busy:  # noqa: ASYNC110 - memory waits for nothing
        await asyncio.sleep(0)
    gc.collect()

    assert awake == ROOMS
    assert (len(node._workers), len(node._tasks)) == (0, 0)
    assert len(store.tables.rooms) == ROOMS
    await node.close()
