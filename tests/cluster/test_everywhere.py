"""P8, P9: what is done in every process, on each bus."""

import asyncio
from itertools import count

import pytest

from partyrooms.cluster import everywhere
from partyrooms.cluster.pending import PendingRequests
from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import RoomUnreachable
from partyrooms.server.node import Node
from partyrooms.testing.memory_store import MemoryStore
from tests.cluster.world import KEY, SLEEPY, ask, connected

ROOMS = [RoomKey(KEY.party, str(number)) for number in range(20)]


async def test_p8_rooms_of_all_processes_are_told_and_listed(world):
    """P8: those of the party that run, and no other."""
    nodes = [await world.node() for _ in range(3)]
    for number, key in enumerate(ROOMS):
        await ask(nodes[number % 3], key)
    await ask(nodes[0], SLEEPY)
    alice = await connected(nodes[1], "alice", ROOMS[0])

    listed = await nodes[2].everywhere("list", {"party": KEY.party})
    message = {"party": KEY.party, "message": "deploy"}
    told = await nodes[2].everywhere("broadcast", message)

    rooms = [one for some in listed for one in some]
    assert sorted(one["room_id"] for one in rooms) == sorted(k.room_id for k in ROOMS)
    assert sum(one["connections"] for one in rooms) == 1
    assert sum(told) == len(ROOMS)
    assert await alice.next() == "deploy"


async def test_p8_each_process_costs_one_message(layered, monkeypatch):
    """P8: however many rooms it runs; a process that was killed costs none."""
    nodes = [await layered.node() for _ in range(4)]
    for number, key in enumerate(ROOMS):
        await ask(nodes[number % 3], key)
    await layered.kill(nodes.pop())
    sent, encode = [], everywhere.encode_message
    note = lambda message: sent.append(message) or encode(message)  # noqa: E731
    monkeypatch.setattr(everywhere, "encode_message", note)

    message = {"party": KEY.party, "message": "deploy"}
    told = await nodes[0].everywhere("broadcast", message)

    assert len(sent) == 2
    assert sum(told) == len(ROOMS)


@pytest.mark.parametrize("is_dead", [True, False])
async def test_p9_a_process_that_is_lost_keeps_nobody_waiting(is_dead):
    """P9: a dead one has no sockets; of one that may live nobody knows."""
    pending = PendingRequests(count(1))
    link, reply = object(), asyncio.get_running_loop().create_future()
    pending.add(link, reply)

    pending.broken(link, is_dead=is_dead)

    if is_dead:
        assert reply.result() is None
    else:
        assert isinstance(reply.exception(), RoomUnreachable)


async def test_p9_a_process_that_does_not_answer_is_an_error(layered, monkeypatch):
    """P9: within CONNECT_TIMEOUT; it is not taken for one without sockets."""
    node, other = await layered.node(connect_timeout=0.2), await layered.node()
    deaf = lambda link, message: None  # noqa: E731
    monkeypatch.setattr(other.cluster.transport, "_on_message", deaf)

    with pytest.raises(RoomUnreachable, match="CONNECT_TIMEOUT"):
        await node.everywhere("disconnect", {"user_id": "1", "code": 1, "reason": ""})


async def test_p9_a_script_without_a_shared_layer_reaches_nobody():
    """P5, P9: it says what to configure, rather than that there was no socket."""
    node = Node(MemoryStore(), name="script", settings=get_settings(), is_embedded=True)

    with pytest.raises(RoomUnreachable, match="CHANNEL_LAYERS"):
        await node.everywhere("list", {"party": KEY.party})

    await node.close()
