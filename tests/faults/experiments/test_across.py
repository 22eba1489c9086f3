"""Rooms in workers, sockets in gateways, Valkey between them: each is hurt in turn."""

import asyncio

import pytest

from partyrooms.nodes.process import boot_clock
from tests.faults.experiments.figures import longest, pauses
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import IS_LONG, new_room

KILLS = 50 if IS_LONG else 2
RESTARTS = 10 if IS_LONG else 1

PARTIES = ["ledger", "hibernating-ledger"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "party",
    [
        pytest.param("ledger", marks=IN_FULL),
        "hibernating-ledger",
        pytest.param("volatile-hibernating-ledger", marks=IN_FULL),
    ],
)
async def test_d5_an_owner_that_is_killed_has_a_successor(
    deployment, party, chance, tell
):
    """
    D5: nothing is lost, nothing is handled twice. The sockets of a plain room get 1012.

    Those of a room that hibernates stay, or get 3010 where something said may be lost.
    """
    room, times = new_room(party), []
    async with deployment() as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            for _ in range(KILLS):
                await crowd.progress(chance.randint(1, 50))
                owner = lab.owner(room)
                await owner.kill()
                killed_at = boot_clock()
                await crowd.progress(1)
                times.append(boot_clock() - killed_at)
                await owner.start()

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == KILLS + 1
        expected = {1012} if party == "ledger" else {3010}
        assert set(crowd.close_codes) <= expected
        tell(f"a new owner after {longest(times)}")
        sockets, closed = KILLS * len(crowd.clients), len(crowd.close_codes)
        tell(f"{sockets - closed} of {sockets} times a socket outlived its owner")


@pytest.mark.parametrize("party", ["ledger", pytest.param(PARTIES[1], marks=IN_FULL)])
async def test_d6_workers_are_restarted_one_after_the_other(
    deployment, party, chance, tell
):
    """
    D6: nothing is lost, nothing is repeated.

    Sockets stay where the class hibernates; those of a plain room get 1012 (R24).
    """
    room = new_room(party)
    async with deployment() as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            for worker in lab.workers * RESTARTS:
                await crowd.progress(chance.randint(1, 50))
                assert await worker.terminate() == 0
                await worker.start()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert set(crowd.close_codes) == ({1012} if party == "ledger" else set())
        tell(f"paused for {longest(pauses(crowd))}")


@IN_FULL
@pytest.mark.parametrize("party", [*PARTIES, "volatile-ledger"])
async def test_d1_an_owner_that_is_paused_is_replaced(deployment, party):
    """What the zombie says when it wakes reaches nobody, and it stores nothing."""
    room = new_room(party)
    async with deployment() as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            await crowd.progress(20)
            owner = lab.owner(room)
            lines = len(owner.log)
            with owner.paused():
                await lab.news.until(lambda: crowd.newest_epoch > 1)
                await crowd.progress(20)
            await owner.wait_for_log("gives up its rooms", since=lines)
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 2
        assert set(crowd.close_codes) <= {1012, 3010}


@IN_FULL
@pytest.mark.parametrize("party", PARTIES)
async def test_a_short_pause_of_an_owner_changes_nothing(deployment, party):
    """No new epoch, no socket closed."""
    room = new_room(party)
    async with deployment(LEASE_TTL=6) as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            await crowd.progress(20)
            with lab.owner(room).paused():
                await asyncio.sleep(1)  # how long the fault lasts
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []
