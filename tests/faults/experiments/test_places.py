"""Deployments on SQLite, or over Redis lists, are hurt like those on other services."""

import pytest

from partyrooms.nodes.process import boot_clock
from tests.faults.experiments.figures import longest, pauses
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import IS_LONG, new_room

KILLS = 10 if IS_LONG else 1

PLACES = {
    "sqlite": {"database": "sqlite"},
    "lists": {"layer": "channels_redis.core.RedisChannelLayer"},
}

PARTIES = ["ledger", "hibernating-ledger"] if IS_LONG else ["ledger"]

pytestmark = [
    IN_FULL,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("party", PARTIES),
    pytest.mark.parametrize("place", PLACES),
]


async def test_d5_a_killed_owner_has_a_successor(
    deployment, place, party, chance, tell
):
    """Nothing is lost; sockets get 1012, or outlive their room."""
    room, times = new_room(party), []
    async with deployment(**PLACES[place]) as lab, lab.crowd(room) as crowd:
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
        assert set(crowd.close_codes) <= {1012 if party == "ledger" else 3010}
        tell(f"a new owner after {longest(times)}")


async def test_d6_workers_are_restarted(deployment, place, party, chance, tell):
    """
    One after the other: nothing is lost, nothing repeated.

    Sockets stay where the class hibernates; those of a plain room get 1012 (R24, D6).
    Over lists a machine that is far too busy closes some with 3010: a known difference.
    """
    room = new_room(party)
    async with deployment(**PLACES[place]) as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            for worker in lab.workers * KILLS:
                await crowd.progress(chance.randint(1, 50))
                assert await worker.terminate() == 0
                await worker.start()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        expected = {1012} if party == "ledger" else set()
        allowed = {3010} if place == "lists" else set()
        assert expected <= set(crowd.close_codes) <= expected | allowed
        tell(f"paused for {longest(pauses(crowd))}")


async def test_a_killed_gateway_harms_its_own_clients_only(deployment, place, party):
    """Those at the other gateway see no gap, and the room has no new owner."""
    room = new_room(party)
    async with deployment(**PLACES[place]) as lab:
        lost, other = lab.gateways
        async with (
            lab.crowd(room, 2, [lost]) as gone,
            lab.crowd(room, 3, [other], name="other") as crowd,
        ):
            async with crowd.sending(), gone.sending():
                for _ in range(KILLS):
                    await crowd.progress(20)
                    await lost.kill()
                    await crowd.progress(20)
                    await lost.start()
                    await gone.everybody_is_back()
                await gone.progress(20)

            assert await lab.verdict(room, crowd, gone) == []
            assert lab.epoch(room) == 1
            assert crowd.close_codes == []
            assert set(gone.close_codes) == {1006}


async def test_d9_valkey_comes_back_empty(deployment, place, party, chance, tell):
    """What it held is sent again, or a code says that it is lost."""
    room = new_room(party)
    async with deployment(**PLACES[place]) as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            for _ in range(KILLS):
                await crowd.progress(chance.randint(1, 50))
                await lab.valkey.kill()
                await lab.valkey.start()
            await crowd.progress(50)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert set(crowd.close_codes) <= {3010}
        tell(f"{len(crowd.close_codes)} closed; silent for {longest(pauses(crowd))}")
