"""Counts what happens between two moments, and what CPU time that cost."""

import asyncio
import time
from collections.abc import Callable

import psutil

from benchmarks.load.loads import Order, Result

MOMENT = 0.2  # seconds; CPU times come in steps of 0.01
SETTLE_TIMEOUT = 5.0  # seconds


async def measure(order: Order, count: Callable[[], int]) -> Result:
    """
    Let the warm-up pass, then read ``count`` at both ends of the duration.

    Args:
        order: Its load is already running.
        count: How many of the load's units there have been so far.
    """
    server = _processes(order)
    await asyncio.sleep(order.warm_up)
    began, before = time.perf_counter(), count()
    server_before, own_before = _cpu_time(server), time.process_time()
    all_before = _cpu_time_of_all()
    await asyncio.sleep(order.duration)
    elapsed, counted = time.perf_counter() - began, count() - before
    server_busy = (_cpu_time(server) - server_before) / elapsed
    generator_busy = (time.process_time() - own_before) / elapsed
    all_busy = (_cpu_time_of_all() - all_before) / elapsed
    return Result(
        figure=counted / elapsed,
        server_busy=server_busy,
        generator_busy=generator_busy,
        others_busy=max(0.0, all_busy - server_busy - generator_busy),
    )


async def let_settle(order: Order) -> None:
    """
    Wait until the server rests, so that it does not clean up in the next turn.

    It rests when it used less than a tenth of a moment; a server that never does is
    left alone in the end.
    """
    server = _processes(order)
    for _ in range(int(SETTLE_TIMEOUT / MOMENT)):
        before = _cpu_time(server)
        await asyncio.sleep(MOMENT)
        if _cpu_time(server) - before < MOMENT / 10:
            return


def _processes(order: Order) -> list[psutil.Process]:
    return [psutil.Process(id) for id in order.servers]


def _cpu_time(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(one.user + one.system for one in times))


def _cpu_time_of_all() -> float:
    """Of every process, and what a hypervisor took; interrupts are ours."""
    times = psutil.cpu_times()
    steal = getattr(times, "steal", 0.0)  # Linux only
    return float(times.user + times.nice + times.system + steal)
