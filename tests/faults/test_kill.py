"""kill -9 at any moment, and two processes on one database."""

import asyncio
import os
import random
from itertools import count

from websockets.exceptions import ConnectionClosed

from tests.deadline import DEADLINE
from tests.servers.process import serve
from tests.servers.visitor import visit

KILLS = {"uvicorn": 20, "fast": 3, "daphne": 3}
HAMMERS = 3
# Longer than the test: whoever waits for it instead of looking whether the process
# lives never gets its rooms.
PATIENT = {"PARTYROOMS": {"LEASE_TTL": 3600}}


class Hammer:
    """
    Increments a counter as fast as it is answered, through every restart.

    Attributes:
        attempted: The operations that were sent.
        acknowledged: Those that were answered, with the counter that came along.
    """

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.attempted = []
        self.acknowledged = {}
        self.progress = asyncio.Condition()

    async def run(self, is_up):
        """Work until cancelled; connect again whenever the server is up."""
        numbers = count()
        while True:
            await is_up.wait()
            try:
                async with visit(self.server) as visitor:
                    socket = await visitor.room("counter", "hammered").join(self.name)
                    while True:
                        await self.increment(socket, next(numbers))
            except (ConnectionClosed, OSError, EOFError):
                # The server is gone, or going: it has not been told yet.
                await asyncio.sleep(0)

    async def increment(self, socket, number):
        operation = f"{self.name}-{number}"
        self.attempted.append(operation)
        answer = await socket.ask(operation)
        acknowledged, counter = answer.split()
        assert acknowledged == operation
        self.acknowledged[operation] = int(counter)
        async with self.progress:
            self.progress.notify_all()

    async def has_done(self, more):
        """Wait for so many further acknowledgements."""
        goal = len(self.acknowledged) + more
        async with self.progress:
            await self.progress.wait_for(lambda: len(self.acknowledged) >= goal)


async def test_no_acknowledged_write_is_lost(kind):
    """SPEC S11, D2: acknowledged <= stored <= attempted, nothing twice."""
    seed = int(os.environ["PARTYROOMS_SEED"])
    chance = random.Random(seed)  # noqa: S311
    async with serve(kind, settings=PATIENT) as server:
        is_up = asyncio.Event()
        is_up.set()
        hammers = [Hammer(server, f"hammer-{n}") for n in range(HAMMERS)]
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(hammer.run(is_up)) for hammer in hammers]
            for _ in range(KILLS[kind]):
                async with asyncio.timeout(DEADLINE):
                    await chance.choice(hammers).has_done(chance.randint(1, 40))
                is_up.clear()
                await server.kill()
                await server.start()
                is_up.set()
            for hammer in hammers:
                async with asyncio.timeout(DEADLINE):
                    await hammer.has_done(1)
            for task in running:
                task.cancel()
        async with visit(server) as visitor:
            stored = await visitor.room("counter", "hammered").data()

    attempted = {op for hammer in hammers for op in hammer.attempted}
    acknowledged = {
        op: n for hammer in hammers for op, n in hammer.acknowledged.items()
    }
    increments = stored["increments"]
    assert acknowledged.items() <= increments.items()
    assert increments.keys() <= attempted
    assert sorted(increments.values()) == list(range(1, stored["count"] + 1))


async def test_a_killed_servers_rooms_are_taken_over_at_once(kind):
    """The dead process is seen by its pid, not waited for."""
    async with serve(kind, settings=PATIENT) as first, visit(first) as visitor:
        alice = await visitor.room("counter", "lobby").join("alice")
        assert await alice.ask("op-1") == "op-1 1"
        async with serve(kind, settings=PATIENT, database=first.database) as second:
            await first.kill()
            async with visit(second) as other:
                bob = await other.room("counter", "lobby").join("bob")
                assert await bob.ask("op-2") == "op-2 2"


async def test_a_stopped_servers_rooms_are_free(kind):
    """SIGTERM gives them up."""
    async with serve(kind, settings=PATIENT) as first:
        async with visit(first) as visitor:
            await visitor.room("counter", "lobby").data("POST")
        await first.terminate()
        async with (
            serve(kind, settings=PATIENT, database=first.database) as second,
            visit(second) as other,
        ):
            assert await other.room("counter", "lobby").data("POST") == {"count": 2}


async def test_two_processes_never_both_write_one_room(kind):
    """The second one gets a clear error that says what to configure."""
    async with serve(kind, settings=PATIENT) as first, visit(first) as visitor:
        lobby = visitor.room("counter", "lobby")
        alice = await lobby.join("alice")
        assert await alice.ask("op-1") == "op-1 1"
        async with (
            serve(kind, settings=PATIENT, database=first.database) as second,
            visit(second) as other,
        ):
            same = other.room("counter", "lobby")
            response = await same.request("POST")
            line = await second.wait_for_log("counter/lobby")
            bob = await same.join("bob")
            code, _ = await bob.closed()
            free = await other.room("counter", "kitchen").data("POST")

        assert await alice.ask("op-3") == "op-3 2"
        assert (await lobby.data())["count"] == 2
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert "CHANNEL_LAYER" in line
    assert "Traceback" not in line
    assert code == (1011 if kind == "daphne" else 1013)
    assert free == {"count": 1}
