"""The lease is over when a life ends: what was committed has yet to be said."""

import asyncio
import json
import math

import pytest

from partyrooms.nodes.lease import Lease
from tests.cluster.test_takeover import stored, until
from tests.cluster.world import PATIENCE, SLEEPY, ask, connected
from tests.runtime.stage import turns_of_the_loop


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_d4_row46_a_room_that_hibernates_says_what_it_has_committed(
    layered, where
):
    """D4, G2, invariant 1: a stored event is answered, and is not handled again."""
    lease = Lease()
    owner = await layered.node(lease=lease)
    await ask(owner, SLEEPY)
    gateway = owner if where == "here" else await layered.node(takes_rooms=False)
    bob = await connected(gateway, "bob", SLEEPY)
    layered.tables.available = False
    bob.send("a")
    worker = owner.worker(SLEEPY)
    await until(lambda: len(worker.life.gate._held))
    stopped = asyncio.ensure_future(worker.stop(None))
    await until(lambda: worker.is_between_hooks)

    lease.extend(-math.inf)
    layered.tables.available = True
    await until(lambda: stored(layered))
    await turns_of_the_loop()  # The life would end, if it did not wait for the lease.
    lease.extend(math.inf)

    async with asyncio.timeout(PATIENCE):
        await stopped
    bob.send("b")
    assert await bob.until("bob:b") == ["bob:a", "bob:b"]
    assert json.loads((await ask(owner, SLEEPY)).body)["seen"] == ["a", "b"]
