"""
A process that claims and gives up one room, as its standard input says.

``claim`` is answered with the epoch, or 0 if another process has the room; ``release``
with 0. It ends with its input.
"""

import asyncio
import sys
from uuid import uuid4

import django


async def obey() -> None:
    """Do what each line says, and answer each with a line."""
    from partyrooms.core.keys import RoomKey
    from partyrooms.exceptions import RoomUnreachable
    from partyrooms.nodes.membership import Membership
    from partyrooms.ports.store import NOTHING
    from partyrooms.store.database import DatabaseStore

    membership = Membership(
        uuid4(), database="default", heartbeat_interval=2, lease_ttl=10
    )
    store = DatabaseStore(membership)
    await store.enroll()
    print("ready", flush=True)  # noqa: T201
    claim = None
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line == "claim\n":
            try:
                claim = await store.claim(RoomKey("ledger", "one"))
            except RoomUnreachable:
                claim = None
            print(claim.epoch if claim else 0, flush=True)  # noqa: T201
        else:
            if claim is not None:
                await store.release([(claim, NOTHING)])
            print(0, flush=True)  # noqa: T201
    await store.close()


if __name__ == "__main__":
    django.setup()
    asyncio.run(obey())
