"""kill -9 and SIGSTOP of processes while alarms fall due in many rooms (R40)."""

import asyncio
import math
import time

import httpx

from tests.deadline import DEADLINE
from tests.faults.experiments.tiers import IN_FULL
from tests.faults.lab.laboratory import DEPLOYMENT, IS_LONG, laboratory

ROOMS = 200 if IS_LONG else 20
RINGS = 3
KILLS = 20 if IS_LONG else 2
DURATION = 150.0 if IS_LONG else 8.0
"""Seconds over which the alarms fall due."""

LEAVING = {"IDLE_TIMEOUT": 2}
"""Some rooms are in memory when their alarm is due, and some are not."""

LEAD = 3.0 + ROOMS / 15
"""Seconds in which all alarms are set, before the first of them is due."""

BOUND = 120.0
"""Seconds that no alarm may be late; not what is aimed at, which figures are for."""

SET_ALARMS = """
    SELECT count(*) FROM partyrooms_roomrecord
    WHERE party = 'timer' AND alarm_at IS NOT NULL
"""
ALIVE = "SELECT count(*) FROM partyrooms_node WHERE pid = ? AND state = 'alive'"

TIMERS = [f"timer/{number}" for number in range(ROOMS)]


async def test_r40_alarms_ring_while_workers_are_killed(postgres, chance, tell):
    """Each rings, whoever owned the room, and what it stores is stored once."""
    async with laboratory(postgres, **DEPLOYMENT, **LEAVING) as lab:
        plan = await wind(lab, chance)
        failovers = [
            await kill(lab, chance.choice(lab.workers), chance) for _ in range(KILLS)
        ]
        await until(lambda: lab.database.execute(SET_ALARMS) == [(0,)])

        judge(lab, plan, failovers, tell)


@IN_FULL
async def test_r40_alarms_of_a_paused_worker_ring_elsewhere(postgres, chance, tell):
    """As if its machine were lost; what it stores when it wakes is dropped."""
    async with laboratory(postgres, **DEPLOYMENT, **LEAVING) as lab:
        plan = await wind(lab, chance)
        worker = chance.choice(lab.workers)
        await asyncio.sleep(chance.uniform(0, DURATION / 4))  # until the fault
        with worker.paused():
            paused_at = time.time()
            await until(lambda: lab.database.execute(ALIVE, worker.pid) == [(0,)])
            known_at = time.time()
            await until(lambda: lab.database.execute(SET_ALARMS) == [(0,)])
        await worker.wait_for_log("gives up its rooms")

        judge(lab, plan, [(paused_at, known_at)], tell)


@IN_FULL
async def test_r40_alarms_ring_while_the_only_server_is_killed(database, chance, tell):
    """Those that were due meanwhile ring as soon as there is one again."""
    async with laboratory(database, **LEAVING) as lab:
        plan = await wind(lab, chance)
        failovers = [await kill(lab, lab.gateways[0], chance) for _ in range(KILLS)]
        await until(lambda: lab.database.execute(SET_ALARMS) == [(0,)])

        judge(lab, plan, failovers, tell)


async def wind(lab, chance):
    """
    Tell each room at which times it rings, by chance, and wait until it begins.

    Returns:
        Those times of each room, in seconds since 1970.
    """
    plan = {}
    begin = time.time() + LEAD
    url = f"http://127.0.0.1:{lab.gateways[0].port}/parties"
    async with httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as http:
        for room in TIMERS:
            times = sorted(chance.uniform(0, DURATION) for _ in range(RINGS))
            plan[room] = [begin + seconds for seconds in times]
            answer = await http.post(f"{url}/{room}", json={"dues": plan[room]})
            assert answer.is_success, answer.text
    await asyncio.sleep(max(0.0, begin - time.time()))
    return plan


async def kill(lab, member, chance):
    """
    kill -9, and start it again after a while.

    Returns:
        When it was killed, and when everybody knew: seconds since 1970.
    """
    await asyncio.sleep(chance.uniform(0, DURATION / KILLS))  # until the fault
    pid = member.pid
    await member.kill()
    killed_at = time.time()
    await asyncio.sleep(chance.uniform(0, 3))  # how long it is away
    await member.start()
    await until(lambda: lab.database.execute(ALIVE, pid) == [(0,)])
    return killed_at, time.time()


async def until(fact):
    """Wait until something is true in the database, which tells nobody."""
    async with asyncio.timeout(3 * DEADLINE):
        while not fact():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def judge(lab, plan, failovers, tell):
    """Every alarm's effect is stored once, and none came before its time."""
    calm, failed_over, runs = [], [], 0
    for room, dues in plan.items():
        rings = lab.entries(room)["rings"]
        assert [due for due, _ in rings] == dues
        runs += len(lab.handled(room))
        for due, late in rings:
            # One that was due a moment before the kill may have waited for it.
            is_during = any(start - 1 <= due <= end for start, end in failovers)
            (failed_over if is_during else calm).append(late)
    assert min(calm + failed_over) > -0.01
    assert max(calm + failed_over) < BOUND
    tell(
        f"{ROOMS} rooms, {len(failovers)} failovers; "
        f"{runs} runs of {ROOMS * RINGS} alarms"
    )
    tell(f"late with a node up: {spread(calm)}; in a failover: {spread(failed_over)}")


def spread(times):
    """The median, the 99th percentile and the longest of some times."""
    if not times:
        return "none"
    ordered = sorted(times)
    median, p99 = (ordered[math.ceil(len(times) * p) - 1] for p in (0.5, 0.99))
    return (
        f"p50 {median:.2f} s, p99 {p99:.2f} s, max {ordered[-1]:.2f} s "
        f"({len(times)} alarms)"
    )
