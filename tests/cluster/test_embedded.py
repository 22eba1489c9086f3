"""Nodes of processes that serve nobody: rooms are better off elsewhere."""

from dataclasses import replace

import pytest

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomElsewhere
from partyrooms.runtime.embedded import is_spare, require_no_server, serving_place
from partyrooms.server.alarm_poller import AlarmPoller
from tests.cluster.world import KEY, ask, connected


async def guest_of(world):
    """A node as a script has it: it takes rooms, but nobody is told so."""
    node = await world.node()
    node.environment.is_embedded = True
    store = node.store
    store.place = replace(store.place, takes_rooms=False)
    await store.enroll()
    return node


def owner_of(world, key):
    """The node that owns a room."""
    _, room = world.tables.room(key)
    return room.fence.owner


async def test_p5_a_guest_lets_a_server_run_a_new_room(layered):
    """P5: it will end soon, and the room with it."""
    server, guest = await layered.node(), await guest_of(layered)
    keys = [RoomKey("bus-ledger", f"room-{number}") for number in range(5)]

    for key in keys:
        assert (await ask(guest, key)).status == 200

    assert {owner_of(layered, key) for key in keys} == {server.store.node_id}


async def test_p5_guests_agree_on_the_server(layered):
    """P5: so that two that come at once ask the same one."""
    servers = [await layered.node() for _ in range(3)]
    guests = [await guest_of(layered) for _ in range(2)]

    chosen = [await guest.cluster.placement.choose(KEY) for guest in guests]

    assert chosen[0].node == chosen[1].node
    assert chosen[0].node in {one.store.node_id.bytes for one in servers}


async def test_p5_alone_a_guest_runs_the_room_itself(layered):
    """P5: under WSGI there may be nobody else."""
    guest = await guest_of(layered)

    assert (await ask(guest)).status == 200
    assert owner_of(layered, KEY) == guest.store.node_id


async def test_p5_a_room_that_a_guest_has_is_reached_from_servers(layered):
    """P5: what it began to own stays its own until it ends."""
    guest = await guest_of(layered)
    await ask(guest)
    server = await layered.node()
    alice = await connected(server, "alice")
    alice.send("hi")

    await alice.until("alice:hi")
    assert owner_of(layered, KEY) == guest.store.node_id


async def test_p5_without_a_layer_a_guest_leaves_rooms_to_a_server(layered):
    """P5: it could not reach the server, nor the server the room."""
    guest = await guest_of(layered)
    assert await serving_place(guest.environment) is None
    await require_no_server(guest.environment, False, KEY)
    server = await layered.node()

    assert (await serving_place(guest.environment)).node == server.store.node_id
    with pytest.raises(RoomElsewhere, match="CHANNEL_LAYERS"):
        await require_no_server(guest.environment, False, KEY)


async def test_r40_alarms_and_crons_are_the_servers(layered):
    """R40, B10: a guest begins none where there is a server to do it."""
    guest = await guest_of(layered)
    assert not await is_spare(guest.environment)
    assert await looks(guest)
    server = await layered.node()

    assert await is_spare(guest.environment)
    assert not await looks(guest)
    assert not await is_spare(server.environment)
    assert await looks(server)


async def looks(node):
    """Whether a node looks for alarms that are due."""
    looked = []
    clock = AlarmPoller(node)

    async def find(now):
        looked.append(now)
        return []

    clock._find = find
    await clock._look()
    return bool(looked)
