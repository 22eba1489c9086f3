"""create_task from hooks of both kinds."""

import asyncio

from partyrooms import Room
from partyrooms.testing import running_room

PATIENCE = 20.0
"""Seconds until a test that waits for an event gives up."""


async def test_r23_a_plain_hook_starts_background_work_on_the_event_loop():
    """R7, R23: a plain def may call create_task, too; from a thread asyncio may not."""
    done = asyncio.Event()

    class Threaded(Room):
        def on_message(self, message, sender):
            self.create_task(self.later(sender))

        async def later(self, sender):
            sender.send("later")
            done.set()

    async with running_room(Threaded) as room:
        alice = await room.connect("alice")

        await alice.send("go")

        async with asyncio.timeout(PATIENCE):
            await done.wait()
        assert alice.received == ["later"]
