"""A room that blocks its worker's event loop: named, replaced, kept away."""

from partyrooms.nodes.process import boot_clock
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import PUBSUB_LAYER, laboratory
from tests.servers.client import open_socket

BLOCKED = "SELECT blocked_count FROM partyrooms_roomrecord WHERE party = 'stone'"


@IN_FULL
async def test_d8_a_room_that_blocks_costs_its_neighbours_one_restart(postgres, tell):
    """D8: they are back within 12 s, once; nothing of theirs is lost."""
    room = "ledger/one"
    lab_options = {"OWNERS": "workers", "layer": PUBSUB_LAYER}
    async with (
        laboratory("postgres", workers=1, **lab_options) as lab,
        lab.crowd(room) as crowd,
    ):
        (worker,) = lab.workers
        stone = await open_socket(lab.address("stone/one"))
        async with crowd.sending():
            await crowd.progress(10)
            pid = worker.pid
            await stone.send("block")
            await worker.wait_for_log("stone/one has blocked the event loop")
            blocked_at = boot_clock()
            await worker.wait_for_log("this process is replaced")
            await stone.closed()
            await crowd.progress(10)
            tell(f"its neighbours were back after {boot_clock() - blocked_at:.1f} s")

        assert await lab.verdict(room, crowd) == []
        assert worker.pid == pid
        assert worker.is_running
        assert lab.epoch(room) == 2
        assert lab.database.execute(BLOCKED) == [(1,)]
