"""Many processes claim one room at the same moment."""

import asyncio
import sys
from contextlib import AsyncExitStack, asynccontextmanager

from tests.deadline import DEADLINE
from tests.faults.lab.laboratory import IS_LONG, laboratory
from tests.servers.database import ROOT

PROCESSES = 8 if IS_LONG else 3
ROUNDS = 1000 if IS_LONG else 25


@asynccontextmanager
async def claimant(env):
    """A process; what it is told, it answers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.lab.site.claimant"),
        cwd=ROOT,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )

    async def ask(line):
        async with asyncio.timeout(DEADLINE):
            process.stdin.write(f"{line}\n".encode())
            return int(await process.stdout.readline())

    try:
        assert await process.stdout.readline() == b"ready\n"
        yield ask
    finally:
        process.stdin.close()
        await process.wait()


async def test_a_race_for_a_room_has_one_winner(database):
    """DESIGN 4.5: each round one process has it, and the epoch is one higher."""
    async with laboratory(database, gateways=0) as lab, AsyncExitStack() as stack:
        started = (claimant(lab.env) for _ in range(PROCESSES))
        ask = [await stack.enter_async_context(one) for one in started]
        for number in range(1, ROUNDS + 1):
            epochs = await asyncio.gather(*(one("claim") for one in ask))
            assert sorted(epochs) == [0] * (PROCESSES - 1) + [number]
            await asyncio.gather(*(one("release") for one in ask))

        assert lab.epoch("ledger/one") == ROUNDS
