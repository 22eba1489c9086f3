"""The process that has the sockets is killed, or told to go."""

import asyncio

import httpx

from partyrooms.directory.process import boot_clock
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import IS_LONG, deployment
from tests.faults.lab.news import DEADLINE

pytestmark = IN_FULL

ROOM = "ledger/one"

MANY = 1000 if IS_LONG else 150


async def connections(lab, gateway):
    """The ids that a room has connections of."""
    url = f"http://127.0.0.1:{gateway.port}/parties/{ROOM}"
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
        return (await client.get(url)).json()["connections"]


async def until_connected(lab, gateway, ids):
    """Wait until a room has connections of these ids only; the seconds it took."""
    began = boot_clock()
    async with asyncio.timeout(DEADLINE):
        # The room tells nobody that it has noticed.
        while await connections(lab, gateway) != sorted(ids):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return boot_clock() - began


async def test_a_room_notices_that_a_gateway_was_killed(postgres, tell):
    """Its connections are over; those at the other gateway have seen no gap."""
    async with deployment() as lab:
        lost, other = lab.gateways
        async with (
            lab.crowd(ROOM, 2, [lost]) as gone,
            lab.crowd(ROOM, 3, [other], name="other") as crowd,
        ):
            async with crowd.sending(), gone.sending():
                await crowd.progress(20)
                await lost.kill()
                taken = await until_connected(
                    lab, other, [c.name for c in crowd.clients]
                )
                await crowd.progress(20)
                await lost.start()
                await gone.everybody_is_back()
                await gone.progress(20)

            assert await lab.verdict(ROOM, crowd, gone) == []
            assert lab.epoch(ROOM) == 1
            assert crowd.close_codes == []
            assert set(gone.close_codes) == {1006}
            tell(f"on_close after {taken:.2f} s")


async def test_w7_a_gateway_that_is_told_to_go_says_so(postgres):
    """Each of its sockets gets 1012, and nothing is lost on the way."""
    async with deployment() as lab:
        leaving, other = lab.gateways
        async with (
            lab.crowd(ROOM, 2, [leaving]) as gone,
            lab.crowd(ROOM, 3, [other], name="other") as crowd,
        ):
            async with crowd.sending(), gone.sending():
                await crowd.progress(20)
                await leaving.terminate()
                await leaving.start()
                await gone.everybody_is_back()
                await gone.progress(20)

            assert await lab.verdict(ROOM, crowd, gone) == []
            assert lab.epoch(ROOM) == 1
            assert crowd.close_codes == []
            assert gone.close_codes == [1012, 1012]


async def test_a_crowd_that_loses_its_gateway_comes_back(postgres, tell):
    """All at once, and no room is started a second time for them."""
    async with deployment() as lab:
        lost, other = lab.gateways
        ways = [lost]
        async with lab.crowd(ROOM, MANY, ways) as crowd:
            ways[0] = other
            await lost.kill()
            began = boot_clock()
            await lab.news.until(lambda: len(crowd.close_codes) == MANY)
            await crowd.everybody_is_back()
            taken = boot_clock() - began

            assert await lab.verdict(ROOM, crowd) == []
            assert lab.epoch(ROOM) == 1
            tell(f"{MANY} sockets were back after {taken:.2f} s")
