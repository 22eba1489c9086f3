"""The process that has the sockets is killed, or told to go."""

import asyncio

import httpx
import pytest

from partyrooms.directory.process import boot_clock
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import IS_LONG, new_room
from tests.faults.lab.news import DEADLINE

pytestmark = [IN_FULL, pytest.mark.asyncio(loop_scope="module")]

MANY = 1000 if IS_LONG else 150


async def connections(room, gateway):
    """The ids that a room has connections of."""
    url = f"http://127.0.0.1:{gateway.port}/parties/{room}"
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
        return (await client.get(url)).json()["connections"]


async def until_connected(room, gateway, ids):
    """Wait until a room has connections of these ids only; the seconds it took."""
    began = boot_clock()
    async with asyncio.timeout(DEADLINE):
        # The room tells nobody that it has noticed.
        while await connections(room, gateway) != sorted(ids):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return boot_clock() - began


async def test_a_room_notices_that_a_gateway_was_killed(deployment, tell):
    """Its connections are over; those at the other gateway have seen no gap."""
    room = new_room("ledger")
    async with deployment() as lab:
        lost, other = lab.gateways
        async with (
            lab.crowd(room, 2, [lost]) as gone,
            lab.crowd(room, 3, [other], name="other") as crowd,
        ):
            async with crowd.sending(), gone.sending():
                await crowd.progress(20)
                await lost.kill()
                taken = await until_connected(
                    room, other, [c.name for c in crowd.clients]
                )
                await crowd.progress(20)
                await lost.start()
                await gone.everybody_is_back()
                await gone.progress(20)

            assert await lab.verdict(room, crowd, gone) == []
            assert lab.epoch(room) == 1
            assert crowd.close_codes == []
            assert set(gone.close_codes) == {1006}
            tell(f"on_close after {taken:.2f} s")


async def test_w7_a_gateway_that_is_told_to_go_says_so(deployment):
    """Each of its sockets gets 1012, and nothing is lost on the way."""
    room = new_room("ledger")
    async with deployment() as lab:
        leaving, other = lab.gateways
        async with (
            lab.crowd(room, 2, [leaving]) as gone,
            lab.crowd(room, 3, [other], name="other") as crowd,
        ):
            async with crowd.sending(), gone.sending():
                await crowd.progress(20)
                await leaving.terminate()
                await leaving.start()
                await gone.everybody_is_back()
                await gone.progress(20)

            assert await lab.verdict(room, crowd, gone) == []
            assert lab.epoch(room) == 1
            assert crowd.close_codes == []
            assert gone.close_codes == [1012, 1012]


async def test_a_crowd_that_loses_its_gateway_comes_back(deployment, tell):
    """All at once, and no room is started a second time for them."""
    room = new_room("ledger")
    async with deployment() as lab:
        lost, other = lab.gateways
        ways = [lost]
        async with lab.crowd(room, MANY, ways) as crowd:
            ways[0] = other
            await lost.kill()
            began = boot_clock()
            await lab.news.until(lambda: len(crowd.close_codes) == MANY)
            await crowd.everybody_is_back()
            taken = boot_clock() - began

            assert await lab.verdict(room, crowd) == []
            assert lab.epoch(room) == 1
            tell(f"{MANY} sockets were back after {taken:.2f} s")
