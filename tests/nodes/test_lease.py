"""A lease that is over is told once, and so is its renewal."""

import asyncio
import logging

from partyrooms.nodes.lease import Lease


async def test_d9_a_pause_is_logged_once_and_so_is_its_end(caplog):
    """D9: with how long it was, however many rooms have waited."""
    now = 0.0
    lease = Lease(lambda: now)
    lease.extend(10.0)
    now = 11.0
    caplog.set_level(logging.INFO, "partyrooms.nodes")

    waits = [asyncio.create_task(lease.held()) for _ in range(3)]
    await asyncio.sleep(0)
    now = 14.5
    lease.extend(20.0)
    await asyncio.gather(*waits)

    texts = [record.getMessage() for record in caplog.records]
    assert [record.action for record in caplog.records] == [
        "lease_over",
        "lease_renewed",
    ]
    assert "after 3.5 s" in texts[1]
