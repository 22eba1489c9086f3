"""A node: one worker for each room, and nothing of rooms that are not in memory."""

import asyncio
import gc
import time
import weakref

import pytest

from partyrooms import Room, parties
from partyrooms.api.requests import build_request
from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.models import Node as NodeRow
from partyrooms.models import RoomRecord
from partyrooms.server.host import serve_here
from partyrooms.server.node import Node
from partyrooms.server.nodes import existing_node, use_node
from partyrooms.server.start import current_node
from partyrooms.testing.memory_store import MemoryStore
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop

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
        await node.cluster.request(key, request)
    awake = len(node.rooms.busy)

    elapsed = 3600.0
    node.rooms.sweep()
    while node.rooms.busy:  # noqa: ASYNC110 - memory waits for nothing
        await asyncio.sleep(0)
    gc.collect()

    assert awake == ROOMS
    assert (len(node.rooms._workers), len(node._tasks)) == (0, 0)
    assert len(store.tables.rooms) == ROOMS
    await node.close()


class Idle(Room):
    """Waits in its hook as long as a test wants."""

    party = "node-idle"

    async def on_start(self):
        self.inside, self.on = asyncio.Event(), asyncio.Event()

    async def on_message(self, message, sender):
        self.inside.set()
        await self.on.wait()
        sender.send(message)

    async def on_request(self, request):
        return {}


async def test_a_room_has_one_worker_as_long_as_a_gateway_holds_it():
    """S8: two workers for one key would be two lives of one room."""
    async with on_stage(Idle) as room:
        key = RoomKey("node-idle", "held")
        inbox = room.node.cluster.inbox(key)
        await patiently(inbox.request(None))
        await patiently(inbox.stop())
        gc.collect()

        assert room.node.cluster.inbox(key) is inbox
        assert room.node.rooms.busy == set()


async def test_a_room_that_runs_has_one_worker_though_nobody_holds_it():
    """It is held by the node until it is not in memory any more."""
    async with on_stage(Idle) as room:
        key = RoomKey("node-idle", "running")
        await patiently(room.node.cluster.inbox(key).request(None))
        gc.collect()

        epochs = [
            (await patiently(parties["node-idle"].get("running").info()))["epoch"]
            for _ in range(2)
        ]

        assert epochs == [1, 1]


async def test_a_room_whose_hook_waits_has_one_worker_though_nobody_holds_it():
    """What comes meanwhile waits behind it."""
    async with on_stage(Idle) as room:
        alice = await patiently(room.connect("alice"))
        room.put_in(alice, "hi")
        await patiently(room.instance.inside.wait())
        del room._worker, alice
        gc.collect()

        asked = asyncio.create_task(parties["node-idle"].get("test").info())
        await turns_of_the_loop()
        (worker,) = room.node.rooms.busy
        worker.life.room.on.set()

        assert (await patiently(asked))["epoch"] == 1


async def test_a_worker_that_nobody_needs_leaves_memory():
    """And a new one takes its place."""
    async with on_stage(Idle) as room:
        key = RoomKey("node-idle", "forgotten")
        worker = room.node.worker(key)
        await patiently(worker.request(None))
        await patiently(worker.stop())
        gone = weakref.ref(worker)

        del worker
        gc.collect()

        assert gone() is None
        assert room.node.worker(key).life is None


async def test_p4_rooms_are_stopped_by_their_primary_keys():
    """P4: as `manage.py rooms stop` asks for it; others go on."""
    async with on_stage(Idle) as room:
        alice = await patiently(room.connect("alice"))
        await patiently(parties["node-idle"].get("other").info())
        record = room.store.tables.records[room.key]

        room.node.rooms.stop_records([record, 12345])
        await turns_of_the_loop(50)

        assert (alice.closed[0], room.is_running) == (1012, False)
        assert len(room.node.rooms.busy) == 1


async def test_a_node_sweeps_until_it_is_closed():
    """G5: a hook that hangs is seen without anybody asking."""
    async with on_stage(Idle, hook_timeout=0.1) as room:
        alice = await patiently(room.connect("alice"))
        room.node.environment.clock = time.monotonic
        room.node.spawn(room.node.rooms.keep_sweeping())

        await patiently(alice.send("hang"))

        assert alice.received == []


async def test_d1_a_room_whose_lease_is_over_waits_for_the_next():
    """D1: no hook begins and nothing leaves; then everything goes on, in order."""
    now = [0.0]

    async with on_stage(Idle) as room:
        room.node.environment.lease._clock = lambda: now[0]
        alice = await patiently(room.connect("alice"))
        room.node.environment.lease.extend(10.0)
        room.put_in(alice, "in the middle")
        await patiently(room.instance.inside.wait())

        now[0] = 10.0
        room.instance.on.set()
        room.put_in(alice, "behind")
        await turns_of_the_loop()
        before = list(alice.received)
        room.node.environment.lease.extend(20.0)
        room.node.rooms.sweep()
        await patiently(room.worker.until_idle())

        assert before == []
        assert alice.received == ["in the middle", "behind"]


async def test_a_node_can_be_closed_twice_and_at_once():
    """By a server's shutdown and by a lost lease."""
    async with on_stage(Idle) as room:
        await patiently(room.get())

        await patiently(asyncio.gather(room.node.close(), room.node.close()))
        await patiently(room.node.close())

        assert room.store.tables.rooms[1].fence.owner is None


async def test_a_closed_nodes_place_is_free():
    """The next event makes a new one."""
    async with on_stage(Idle) as room:
        node = current_node()
        await patiently(room.node.close())

        assert existing_node() is None
        use_node(node)


@pytest.mark.django_db(transaction=True)
async def test_the_first_event_makes_a_node_on_the_database():
    """Its rooms are there for the next one, in this process or another."""
    node = current_node()
    try:
        again = current_node()
        answer = await patiently(parties["node-idle"].get("stored").fetch())
        owner = (await patiently(parties["node-idle"].get("stored").info()))["owner"]
    finally:
        await patiently(node.close())

    assert again is node
    assert answer.status_code == 200
    assert owner == node.name
    assert await RoomRecord.objects.acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_d1_a_node_on_the_database_that_is_declared_dead_ends_its_rooms():
    """D1: it hears of it with its next heartbeat, and a new node takes its place."""
    serve_here()
    node = current_node()
    await patiently(parties["node-idle"].get("stored").fetch())
    await NodeRow.objects.filter(pk=node.name).aupdate(state=NodeRow.State.DEAD)

    await patiently(node.ended.wait())
    epoch = (await patiently(parties["node-idle"].get("stored").info()))["epoch"]

    new = current_node()
    assert new is not node
    assert epoch == 2
    await patiently(new.close())
    await patiently(node.close())
