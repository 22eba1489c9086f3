"""A worker is told to end, and there is nobody, or nobody yet, to take its rooms."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.core.keys import RoomKey
from tests.cluster.world import KEY, PATIENCE, SLEEPY, Socket, ask, connected


class Names(Room):
    """Keeps names in memory, as on_connect brings them."""

    party = "departing-names"

    async def on_start(self):
        self.names = {}
        self.left = await self.storage.get("left", 0)

    async def on_connect(self, connection, ctx):
        self.names[connection.id] = ctx.props["who"]

    async def on_message(self, message, sender):
        sender.send(self.names[sender.id])

    async def on_close(self, connection):
        self.left += 1
        self.storage.put("left", self.left)

    async def on_request(self, request):
        return str(self.left)


async def test_d6_rooms_wait_for_the_next_worker(layered):
    """D6: it is not there yet; the rooms go on until it is, and no socket is closed."""
    last = await layered.node("workers")
    gateway = await layered.node("workers", takes_rooms=False)
    bob = await connected(gateway, "bob", SLEEPY)
    leaving = asyncio.ensure_future(last.drain(patience=PATIENCE))
    await asyncio.sleep(0)
    bob.send("a")
    assert await bob.next() == "bob:a"
    assert not leaving.done()

    successor = await layered.node("workers")
    await leaving
    bob.send("b")

    assert await bob.next() == "bob:b"
    assert successor.rooms.busy


async def test_d6_the_last_worker_of_all_does_not_wait_for_ever(layered):
    """D6: nobody comes, so its rooms are stopped, and say so."""
    last = await layered.node("workers")
    gateway = await layered.node("workers", takes_rooms=False)
    bob = await connected(gateway, "bob")

    await last.drain(patience=0.01)

    assert (await bob.until(("close", 1012)))[-1] == ("close", 1012)


async def test_d6_a_worker_that_nobody_uses_does_not_wait(layered):
    """D6: no socket is open; it ends at once."""
    last = await layered.node("workers")
    gateway = await layered.node("workers", takes_rooms=False)
    bob = await connected(gateway, "bob")
    bob.leave()
    info = await gateway.cluster.inbox(KEY).call("info", {})
    assert info["connections"] == 0

    async with asyncio.timeout(PATIENCE):
        await last.drain(patience=float("inf"))


async def test_d6_sockets_of_a_hibernating_room_need_no_worker(layered):
    """D6, R24: the room sleeps until there is one again."""
    last = await layered.node("workers")
    gateway = await layered.node("workers", takes_rooms=False)
    bob = await connected(gateway, "bob", SLEEPY)

    await last.drain()
    await layered.node("workers")
    bob.send("a")

    assert await bob.next() == "bob:a"
    assert bob.socket.closing is None


@pytest.mark.parametrize("where", ["at the owner", "elsewhere"])
async def test_r24_memory_that_ends_as_planned_ends_its_sockets(layered, where):
    """R24, D6: 1012, on_close for each; who comes back meets on_connect again."""
    last, successor = await layered.node(), await layered.node()
    gateway = await layered.node(takes_rooms=False)
    at = last if where == "at the owner" else gateway
    keys = [RoomKey("departing-names", f"{number}") for number in range(3)]
    for key in keys:  # the room's first event decides its owner
        await last.worker(key).call("info", {})
    sockets = [Socket(at, f"s{n}", key) for key in keys for n in range(3)]
    assert [await one.next() for one in sockets] == ["accept"] * 9

    await last.drain()

    closes = [await one.until(("close", 1012)) for one in sockets]
    assert [each[-1] for each in closes] == [("close", 1012)] * 9
    again = Socket(gateway, "s0", keys[0])
    assert await again.next() == "accept"
    again.send("who")
    assert await again.next() == "s0"
    left = [await ask(gateway, key) for key in keys]
    assert [one.body for one in left] == [b"3"] * 3
    assert successor.rooms.busy


async def test_d6_the_sockets_of_hibernating_rooms_stay_beside_them(layered):
    """D6, R24: the class decides, not the process."""
    last, _ = await layered.node(), await layered.node()
    gateway = await layered.node(takes_rooms=False)
    await last.worker(SLEEPY).call("info", {})
    await last.worker(KEY).call("info", {})
    bob, carol = [await connected(gateway, "b", key) for key in (SLEEPY, KEY)]

    await last.drain()

    assert await carol.until(("close", 1012))
    bob.send("a")
    assert await bob.next() == "b:a"
    assert bob.socket.closing is None
