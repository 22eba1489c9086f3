"""Who rings alarms: one look for all rooms, by every node that may own rooms."""

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from channels.layers import InMemoryChannelLayer

from partyrooms import Room, registry
from partyrooms.core.alarm import Alarm
from partyrooms.core.keys import RoomKey
from partyrooms.core.writes import WriteSet
from partyrooms.ports.records import RoomCommit
from partyrooms.server import alarm_poller as alarms
from partyrooms.server.alarm_poller import AlarmPoller
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.timezones import from_seconds
from tests.cluster.world import LayerWorld
from tests.runtime.stage import on_stage, patiently

NOON_2000 = 946_728_000.0
"""Seconds since 1970, long ago."""


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    """The classes of a test are gone after it."""
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))


@pytest.fixture
def timer():
    """A class whose rooms note that they rang, and wait until they may go on."""

    class Timer(Room):
        go = asyncio.Event()
        rung = asyncio.Queue()

        async def on_alarm(self):
            self.rung.put_nowait(self.id)
            await self.go.wait()

    Timer.go.set()
    return Timer


async def set_alarms(tables, wall_clock, **seconds):
    """Store alarms of rooms that nobody runs, so many seconds from now."""
    store = MemoryStore(tables)
    for room_id, early in seconds.items():
        claim = await store.claim(RoomKey("timer", room_id))
        writes = alarm_in(wall_clock, early)
        await store.commit([RoomCommit(claim=claim, version=0, writes=writes)])
    await store.close()


def alarm_in(wall_clock, seconds):
    writes = WriteSet()
    writes.alarm = Alarm(at=from_seconds(wall_clock()) + timedelta(seconds=seconds))
    return writes


@asynccontextmanager
async def stage(timer, **seconds):
    """A node with stored alarms, and its alarm clock, which does not look by itself."""
    async with on_stage(timer, "own") as room:
        await set_alarms(room.store.tables, room.node.environment.wall_clock, **seconds)
        yield room, AlarmPoller(room.node)


async def rung(timer, count):
    """The next rooms that ring, in alphabetical order."""
    return sorted([await patiently(timer.rung.get()) for _ in range(count)])


async def ended(clock):
    """Wait until nothing is ringing."""
    if clock._ringing:
        await patiently(asyncio.wait(clock._ringing.values()))


async def test_r40_what_is_due_rings_and_what_is_not_does_not(timer):
    """R40: a room that nobody runs is claimed for it."""
    async with stage(timer, a=-5, b=0, c=0.3, d=60) as (room, clock):
        is_full = await clock._look()

        assert await rung(timer, 2) == ["a", "b"]
        await ended(clock)
        assert timer.rung.empty()
        assert not is_full
        assert room.node.worker(RoomKey("timer", "a")).life is not None


async def test_r40_own_rooms_are_found_ahead_and_rung_on_time(timer):
    """R40: not before, though they were found."""
    async with stage(timer) as (room, clock):
        await room.get()
        node = room.node
        node.environment.wall_clock = asyncio.get_running_loop().time
        room.instance._life.gate.add(alarm_in(node.environment.wall_clock, 0.2))
        await room.instance._life.gate.commit(None)
        due = node.environment.wall_clock() + 0.2
        await clock._look()
        before = timer.rung.empty()

        assert await rung(timer, 1) == ["own"]
        assert before
        assert node.environment.wall_clock() >= due - 0.01


async def test_r40_a_clock_that_is_set_back_holds_up_no_alarm_that_was_found(timer):
    """R40: it does not wait for the time that the wrong clock would have shown."""
    async with stage(timer) as (room, clock):
        await room.get()
        environment = room.node.environment
        room.instance._life.gate.add(alarm_in(environment.wall_clock, 0.3))
        await room.instance._life.gate.commit(None)
        await clock._look()
        environment.wall_clock = lambda: NOON_2000

        assert await rung(timer, 1) == ["own"]


async def test_r40_an_alarm_under_way_is_not_rung_again(timer):
    """R40: however often it is found."""
    timer.go.clear()
    async with stage(timer, a=0) as (_room, clock):
        await clock._look()
        assert await rung(timer, 1) == ["a"]
        await clock._look()
        timer.go.set()
        await ended(clock)
        await clock._look()
        await ended(clock)

        assert timer.rung.empty()


async def test_alarms_beyond_the_capacity_wait_in_the_table(timer, monkeypatch):
    """No queue without a bound; those that were due first come first."""
    monkeypatch.setattr(alarms, "CAPACITY", 2)
    timer.go.clear()
    async with stage(timer, a=-3, b=-2, c=-1, d=0) as (_room, clock):
        is_full = [await clock._look() for _ in range(3)]
        first = await rung(timer, 2)
        none_more = timer.rung.empty()
        timer.go.set()
        await ended(clock)
        await clock._look()

        assert is_full == [True, True, True]
        assert (first, none_more) == (["a", "b"], True)
        assert await rung(timer, 2) == ["c", "d"]


async def test_alarms_that_are_stuck_hide_no_others(timer, monkeypatch):
    """The look asks for more than can be under way."""
    monkeypatch.setattr(alarms, "CAPACITY", 2)
    timer.go.clear()
    async with stage(timer, a=-3, b=-2, c=-1) as (room, clock):
        clock._ringing[RoomKey("timer", "a")] = None
        await clock._look()

        assert await rung(timer, 1) == ["b"]
        timer.go.set()
        assert room.node.worker(RoomKey("timer", "c")).life is None


async def test_a_database_that_is_away_is_told_once(timer, caplog):
    """Alarms are late then; the next look may find them."""
    async with stage(timer, a=0) as (room, clock):
        room.store.tables.available = False
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                await clock._look()
        room.store.tables.available = True
        await clock._look()

        assert [one.action for one in caplog.records] == ["alarms_not_found"]
        assert await rung(timer, 1) == ["a"]


@pytest.mark.parametrize("reason", ["is_draining", "is_over", "lease"])
async def test_a_node_that_must_not_act_does_not_look(timer, reason):
    """It leaves, or its lease is over: somebody else rings."""
    async with stage(timer, a=0) as (room, clock):
        node = room.node
        if reason == "lease":
            node.environment.lease.extend(0.0)
        else:
            setattr(node.environment, reason, True)
        await clock._look()
        node.environment.lease.extend(float("inf"))
        node.environment.is_draining = node.environment.is_over = False

        assert timer.rung.empty()


async def test_a_ring_that_fails_is_repeated_by_the_next_look(timer):
    """The alarm is in the table until it was handled."""
    async with stage(timer, a=0) as (room, clock):
        hold = room.store.hold("claim")
        await clock._look()
        await patiently(hold.reached.wait())
        room.store.tables.available = False
        hold.go.set()
        await ended(clock)
        room.store.tables.available = True
        none = timer.rung.empty()
        await clock._look()

        assert none
        assert await rung(timer, 1) == ["a"]


@pytest.fixture
async def world():
    """Nodes over Channels' in-memory layer."""
    world = LayerWorld(InMemoryChannelLayer())
    yield world
    await world.close()


async def test_r40_two_nodes_that_look_at_the_same_moment_ring_once(timer, world):
    """R40: one of them gets the room; the other one's ring finds nothing to do."""
    nodes = [await world.node() for _ in range(2)]
    names = [f"r{number}" for number in range(20)]
    await set_alarms(
        world.tables, nodes[0].environment.wall_clock, **dict.fromkeys(names, 0)
    )
    clocks = [AlarmPoller(node) for node in nodes]

    await asyncio.gather(*(clock._look() for clock in clocks))

    assert await rung(timer, 20) == sorted(names)
    for clock in clocks:
        await ended(clock)
    assert timer.rung.empty()
    rooms = world.tables.rooms.values()
    assert [room.alarm for room in rooms] == [None] * 20


async def test_r40_alarms_of_workers_ring_at_the_worker_they_are_placed_at(
    timer, world
):
    """R40, OWNERS="workers": a web process looks for none, any worker finds all."""
    web = await world.node("workers", takes_rooms=False)
    workers = [await world.node("workers") for _ in range(3)]
    names = [f"r{number}" for number in range(20)]
    await set_alarms(
        world.tables, web.environment.wall_clock, **dict.fromkeys(names, 0)
    )
    by_id = {node.store.node_id: node for node in workers}

    await AlarmPoller(web)._look()
    nothing = timer.rung.empty()
    clock = AlarmPoller(workers[0])
    await clock._look()

    assert nothing
    assert await rung(timer, 20) == sorted(names)
    await ended(clock)
    owners = {room.fence.owner for room in world.tables.rooms.values()}
    assert len(owners) > 1
    assert owners <= set(by_id)


async def test_r40_a_dead_nodes_alarms_ring_elsewhere(timer, world):
    """R40: its room had been in memory there."""
    here, there = await world.node(), await world.node()
    worker = here.worker(RoomKey("timer", "a"))
    await worker.call("info", {})
    worker.life.gate.add(alarm_in(here.environment.wall_clock, 0))
    await worker.life.gate.commit(None)
    clock = AlarmPoller(there)
    await clock._look()
    while_it_lives = timer.rung.empty() and not clock._ringing
    await world.kill(here)
    await clock._look()

    assert while_it_lives
    assert await rung(timer, 1) == ["a"]
