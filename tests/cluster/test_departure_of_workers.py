"""A worker is told to end, and there is nobody, or nobody yet, to take its rooms."""

import asyncio

from tests.cluster.world import KEY, PATIENCE, SLEEPY, connected


async def test_d6_rooms_wait_for_the_next_worker(layered):
    """D6: it is not there yet; the rooms go on until it is, and no socket is closed."""
    last = await layered.node("workers")
    gateway = await layered.node("workers", takes_rooms=False)
    bob = await connected(gateway, "bob")
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
