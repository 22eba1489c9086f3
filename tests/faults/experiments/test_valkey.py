"""Valkey is killed, held, and cut off: what was lost comes again, or a code does."""

import asyncio

import pytest

from tests.faults.experiments.figures import longest, pauses
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import IS_LONG, new_room
from tests.faults.lab.proxy import Direction

pytestmark = [IN_FULL, pytest.mark.asyncio(loop_scope="module")]

KILLS = 20 if IS_LONG else 3

HOLD = 5.0 if IS_LONG else 2.0
"""Seconds; a link has more patience than this."""

CUTS = 60 if IS_LONG else 8


async def test_d9_valkey_that_comes_back_empty_loses_nothing(deployment, chance, tell):
    """What it held is sent again; nobody needs to be closed for it."""
    room = new_room("ledger")
    async with deployment() as lab, lab.crowd(room) as crowd:
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


@pytest.mark.parametrize("end", ["gateway", "owner"])
@pytest.mark.parametrize("direction", [*Direction, None])
async def test_d9_a_link_that_is_held_is_waited_for(deployment, end, direction):
    """As long as it is not taken for broken: no socket is closed, nothing is lost."""
    room = new_room("ledger")
    async with deployment() as lab, lab.crowd(room) as crowd:
        member = lab.gateways[0] if end == "gateway" else lab.owner(room)
        async with crowd.sending():
            await crowd.progress(20)
            member.to_valkey.hold(*([direction] if direction else []))
            await asyncio.sleep(HOLD)
            member.to_valkey.heal()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []


async def test_d9_connections_to_valkey_that_are_cut_lose_nothing(deployment, chance):
    """One process after the other, again and again."""
    room = new_room("ledger")
    async with deployment() as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            for _ in range(CUTS):
                await crowd.progress(chance.randint(1, 20))
                chance.choice(lab.members).to_valkey.cut(reset=chance.random() < 0.5)
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []
