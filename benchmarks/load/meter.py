"""Counts what happens between two moments, and what CPU time and memory that cost."""

import asyncio
import time
from collections.abc import Callable

import psutil

from benchmarks.figures import Turn, percentiles
from benchmarks.load.loads import Order

MOMENT = 0.2  # seconds; CPU times come in steps of 0.01
SETTLE_TIMEOUT = 5.0  # seconds


class Latencies:
    """
    How long the load's units took, while anybody counts.

    Attributes:
        note: Takes the seconds of one unit.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.note = self.seconds.append

    def clear(self) -> None:
        """Forget what was noted so far."""
        self.seconds.clear()


class Meter:
    """Reads clocks and CPU times when it is made, and again when it is asked."""

    def __init__(self, order: Order) -> None:
        self._server = processes(order)
        self._all_before = _cpu_time_of_all()
        self._server_before = _cpu_time(self._server)
        self._own_before = time.process_time()
        self._began = time.perf_counter()

    def turn(self, count: float, latencies: Latencies | None = None) -> Turn:
        """
        Return what there was since the meter was made.

        Args:
            count: How many of the load's units.
            latencies: Theirs.
        """
        elapsed = time.perf_counter() - self._began
        server_busy = (_cpu_time(self._server) - self._server_before) / elapsed
        generator_busy = (time.process_time() - self._own_before) / elapsed
        all_busy = (_cpu_time_of_all() - self._all_before) / elapsed
        return Turn(
            figure=count / elapsed,
            latencies=percentiles(latencies.seconds if latencies else ()),
            server_busy=server_busy,
            generator_busy=generator_busy,
            others_busy=max(0.0, all_busy - server_busy - generator_busy),
        )


async def measure(
    order: Order, count: Callable[[], int], latencies: Latencies | None = None
) -> Turn:
    """
    Let the warm-up pass, then read ``count`` at both ends of the duration.

    Args:
        order: Its load is already running.
        count: How many of the load's units there have been so far.
        latencies: Theirs; what was noted in the warm-up is left out.
    """
    await asyncio.sleep(order.warm_up)
    if latencies is not None:
        latencies.clear()
    before, meter = count(), Meter(order)
    await asyncio.sleep(order.duration)
    return meter.turn(count() - before, latencies)


async def let_settle(order: Order) -> None:
    """
    Wait until the server rests, so that it does not clean up in the next turn.

    It rests when it used less than a tenth of a moment; a server that never does is
    left alone in the end.
    """
    server = processes(order)
    for _ in range(int(SETTLE_TIMEOUT / MOMENT)):
        before = _cpu_time(server)
        await asyncio.sleep(MOMENT)
        if _cpu_time(server) - before < MOMENT / 10:
            return


def processes(order: Order) -> list[psutil.Process]:
    """Return the server's processes, and what these started."""
    named = [psutil.Process(id) for id in order.servers]
    return named + [child for one in named for child in one.children(recursive=True)]


def memory(order: Order) -> int:
    """Return the resident memory of the server's processes, in bytes."""
    return sum(process.memory_info().rss for process in processes(order))


def _cpu_time(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # A database's helper that has ended.
        total += times.user + times.system
    return total


def _cpu_time_of_all() -> float:
    """Of every process, and what a hypervisor took; interrupts are ours."""
    times = psutil.cpu_times()
    steal = getattr(times, "steal", 0.0)  # Linux only
    return float(times.user + times.nice + times.system + steal)
