"""kill -9 of processes while a cron ticks each second (B10)."""

import asyncio
from itertools import pairwise

from tests.deadline import DEADLINE
from tests.faults.lab.laboratory import IS_LONG, laboratory

PROCESSES = 4 if IS_LONG else 2
KILLS = 20 if IS_LONG else 2

CRON = "clockwork/second"


async def test_b10_no_two_processes_run_one_tick(database, chance, tell):
    """
    Ticks do not overlap, and none comes twice, but for those of killed processes.

    Those come again; none is missing.
    """
    crons = {"second": "* * * * * *"}
    async with laboratory(database, gateways=PROCESSES, crons=crons) as lab:
        killed = set()
        for _ in range(KILLS):
            await ticks(lab, chance.randint(1, 3))
            (*_, (_, pid)) = begun(lab)
            runner = next(one for one in lab.gateways if one.pid == pid)
            killed.add(pid)
            await asyncio.sleep(chance.uniform(0, 1))  # in the middle of it, or between
            await runner.kill()
            # Who starts after ticks that nobody has begun takes them for missed.
            await ticks(lab, 2)
            await runner.start()
        await ticks(lab, 3)
        lines = lab.handled(CRON)

    check(lines, killed)
    runs = [line for line in lines if line.op == "begin"]
    again = len(runs) - len({line.position for line in runs})
    tell(
        f"{len(runs)} runs by {len({line.node for line in runs})} processes, "
        f"{KILLS} killed; {again} of them of ticks that had been begun by a killed one"
    )


def begun(lab):
    """Each tick that was begun, and the process that did."""
    return [(one.position, one.node) for one in lab.handled(CRON) if one.op == "begin"]


async def ticks(lab, count):
    """Wait until so many further ticks were begun; a file tells nobody."""
    before = {tick for tick, _ in begun(lab)}
    async with asyncio.timeout(2 * DEADLINE):
        while len({tick for tick, _ in begun(lab)} - before) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def check(lines, killed):
    """What was written down, in its order, keeps the promises."""
    running = None
    ended = []
    for line in lines:
        if line.op == "begin":
            # Not before the one that runs has ended, or its process was killed.
            assert running is None or running.node in killed
            # Killed after the end was written down, and before it was marked.
            again = [one for one in ended if one.position == line.position]
            assert {one.node for one in again} <= killed
            running = line
        else:
            assert running is not None
            assert (running.position, running.node) == (line.position, line.node)
            ended.append(line)
            running = None
    done = sorted({line.position for line in ended})
    assert {late - early for early, late in pairwise(done)} == {1}
