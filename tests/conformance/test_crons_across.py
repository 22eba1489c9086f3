"""SPEC 8: crons where workers own the rooms (B10)."""

import asyncio
from itertools import pairwise

import pytest

from tests.deadline import DEADLINE
from tests.faults.lab.laboratory import DEPLOYMENT, laboratory

CRON = "clockwork/second"


def ticks(lab, word):
    """The ticks of which processes wrote down their beginning or end, and who did."""
    return {one.position: one.node for one in lab.handled(CRON) if one.op == word}


async def more_ticks(lab, count):
    """Wait until so many further ticks have ended; a file tells nobody."""
    due = len(ticks(lab, "end")) + count
    async with asyncio.timeout(DEADLINE):
        while len(ticks(lab, "end")) < due:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["uvicorn"])
async def test_b10_workers_run_crons_and_leave_them_to_others(kind):
    """`OWNERS = "workers"`: no gateway does; a restart leaves out no tick."""
    crons = {"second": "* * * * * *"}
    async with laboratory("sqlite", **DEPLOYMENT, crons=crons) as lab:
        workers = {worker.pid for worker in lab.workers}
        await more_ticks(lab, 2)
        last = max(ticks(lab, "begin").items())
        runner = next(worker for worker in lab.workers if worker.pid == last[1])
        assert await runner.terminate() == 0
        await more_ticks(lab, 3)
        ended = ticks(lab, "end")

    runners = set(ended.values())
    assert runners <= workers
    assert runners != {runner.pid}
    assert {late - early for early, late in pairwise(sorted(ended))} == {1}
