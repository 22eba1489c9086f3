"""A gateway dies while a room sleeps: on_close is called all the same."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from partyrooms import Room, registry
from partyrooms.conf import get_settings
from partyrooms.core.keys import RoomKey
from partyrooms.core.values import decode
from partyrooms.server.alarm_poller import AlarmPoller
from partyrooms.server.node import Node
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.testing.memory_tables import MemoryTables
from tests.cluster.world import PATIENCE, SLEEPY, Socket, ask, connected


class Sleeping(NamedTuple):
    """Who owned the room, a gateway to be lost, and a socket elsewhere and at it."""

    owner: Node
    lost: Node
    alice: Socket
    bob: Socket


class Diary(Room):
    """Writes down who left last, and how."""

    party = "bus-diary"
    hibernate = True

    async def on_connect(self, connection, ctx):
        connection.set_state({"n": 1})
        connection.send(f"hello {connection.id} {ctx.props.get('who')}")

    async def on_close(self, connection):
        left = [connection.id, connection.close_code, connection.state]
        self.storage.put("left", left)


DIARY = RoomKey("bus-diary", "one")

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def let_ring(node):
    """What a started node does twice a second."""
    return node.spawn(AlarmPoller(node).keep_polling())


@pytest.fixture
async def sleeping(layered):
    """A room that sleeps, with a socket at each of two gateways."""
    owner = await layered.node()
    gateway, lost = [await layered.node(takes_rooms=False) for _ in range(2)]
    alice = await connected(gateway, "alice", SLEEPY)
    bob = await connected(lost, "bob", SLEEPY)
    bob.send("a")
    assert await alice.next() == await bob.next() == "bob:a"
    await owner.worker(SLEEPY).stop(None)
    return Sleeping(owner, lost, alice, bob)


async def test_r13_on_close_for_the_sockets_of_a_dead_gateway(layered, sleeping):
    """R13: nobody else would ever wake the room for it; once."""
    owner, lost, alice, _ = sleeping

    await layered.kill(lost)
    let_ring(owner)

    assert await alice.next() == "bye bob 1006"
    alice.send("who")
    assert await alice.next() == "here: alice"
    await owner.worker(SLEEPY).stop(None)
    alice.send("who")
    assert await alice.next() == "here: alice"


async def test_r13_r24_a_class_that_hibernates_no_more_closes_who_is_lost_only(
    layered, sleeping, monkeypatch
):
    """R13, R24: sockets of living processes go on in the life that follows."""
    owner, lost, alice, _ = sleeping
    monkeypatch.setattr(registry.get(SLEEPY.party), "hibernate", False)

    await layered.kill(lost)
    let_ring(owner)

    assert await alice.next() == "bye bob 1006"
    alice.send("who")
    assert await alice.next() == "here: alice"


async def test_r13_whatever_wakes_the_room_first(layered, sleeping):
    """R13: on_close comes before the event that has woken it."""
    _, lost, alice, _ = sleeping
    await layered.kill(lost)

    alice.send("b")

    assert await alice.next() == "bye bob 1006"
    assert await alice.next() == "alice:b"


async def test_r24_nobody_is_missed_whose_gateway_lives(layered, sleeping):
    """R24: a room that wakes has all its connections, and has closed none."""
    _, _, alice, bob = sleeping
    successor = await layered.node()
    let_ring(successor)

    assert (await ask(successor, SLEEPY)).status == 200
    alice.send("who")

    assert await alice.next() == "here: alice bob"
    assert bob.socket.closing is None


@pytest.mark.parametrize("hibernates", [True, False])
async def test_r13_a_server_that_died_with_its_sleeping_rooms(monkeypatch, hibernates):
    """R13, R24: the next one wakes them, once, whatever the class says by now."""
    tables = MemoryTables()

    def node():
        return Node(MemoryStore(tables), name="memory", settings=get_settings())

    first, second = node(), node()
    await connected(first, "alice", DIARY)
    await first.worker(DIARY).stop(None)
    tables.dead.add(first.store.node_id)
    monkeypatch.setattr(Diary, "hibernate", hibernates)

    let_ring(second)

    async with asyncio.timeout(PATIENCE):
        while not tables.room(DIARY)[1].entries:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert decode(tables.room(DIARY)[1].entries[b"left"]) == ["alice", 1006, {"n": 1}]
    assert await second.store.deserted(now=NOW, parties=["bus-diary"], limit=9) == []
    await first.close()
    await second.close()
