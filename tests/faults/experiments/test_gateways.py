"""The process that has the sockets is killed, or told to go."""

import asyncio

import httpx
import pytest

from partyrooms.nodes.process import boot_clock
from tests.deadline import DEADLINE
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import IS_LONG, new_room

pytestmark = [IN_FULL, pytest.mark.asyncio(loop_scope="module")]

MANY = 1000 if IS_LONG else 150


SEATS = """
    SELECT count(*) FROM partyrooms_seats seats
    JOIN partyrooms_roomrecord room ON room.id = seats.room_id
    WHERE room.party = ? AND room.room_id = ?
"""


async def who_is_there(room, gateway):
    """The ids of which a room has connections, and of those that left."""
    url = f"http://127.0.0.1:{gateway.port}/parties/{room}"
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
        return (await client.get(url)).json()


async def connections(room, gateway):
    """The ids that a room has connections of."""
    return (await who_is_there(room, gateway))["connections"]


async def until_seats(lab, room, number):
    """Wait until so many processes have sockets of a room that nobody runs."""
    async with asyncio.timeout(DEADLINE):
        # Nobody is told when a room goes to sleep.
        while lab.database.execute(SEATS, *room.split("/")) != [(number,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


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


async def test_r13_a_sleeping_room_hears_that_a_gateway_was_killed(deployment, tell):
    """R13: it is woken for that; once, and those at the other gateway stay."""
    room = new_room("hibernating-ledger")
    async with deployment(HIBERNATE_AFTER=0.5) as lab:
        lost, other = lab.gateways
        async with (
            lab.crowd(room, 2, [lost]) as gone,
            lab.crowd(room, 3, [other], name="other") as crowd,
        ):
            await until_seats(lab, room, 2)
            await lost.kill()
            began = boot_clock()
            await until_seats(lab, room, 0)
            tell(f"on_close after {boot_clock() - began:.2f} s")
            there = await who_is_there(room, other)
            await lost.start()
            await gone.everybody_is_back()

            assert there["left"] == sorted(one.name for one in gone.clients)
            assert there["connections"] == sorted(one.name for one in crowd.clients)
            assert await lab.verdict(room, crowd, gone) == []
            assert crowd.close_codes == []


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
