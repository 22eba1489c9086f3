"""SPEC 5: alarms of rooms that run in other processes than their sockets (R40)."""

import asyncio
import sys
import time
from datetime import UTC, datetime

import httpx
import pytest

from tests.deadline import DEADLINE
from tests.faults.lab.laboratory import PUBSUB_LAYER, laboratory
from tests.servers.client import open_socket
from tests.servers.database import ROOT

pytestmark = pytest.mark.parametrize("kind", ["uvicorn"])

ROOM = "timer/one"


def across(owners, **options):
    """Two gateways, two workers if they own the rooms, and Valkey between them."""
    workers = 2 if owners == "workers" else 0
    options = {"OWNERS": owners, "layer": PUBSUB_LAYER, **options}
    return laboratory("sqlite", gateways=2, workers=workers, **options)


async def ask(lab, method, room=ROOM, **data):
    """Ask a room by the first gateway."""
    url = f"http://127.0.0.1:{lab.gateways[0].port}/parties/{room}"
    async with httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as http:
        answer = await http.request(method, url, json=data)
        assert answer.is_success, answer.text


async def until(lab, condition):
    """Wait until all timers' rows are so; a file tells nobody of its changes."""
    query = f"""
        SELECT count(*) FROM partyrooms_roomrecord
        WHERE party = 'timer' AND NOT ({condition})
    """  # noqa: S608
    async with asyncio.timeout(DEADLINE):
        while lab.database.execute(query) != [(0,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def make_due(lab, attempts=0):
    """Let the alarms of rooms that nobody runs be due, as if time had passed."""
    lab.database.execute(
        "UPDATE partyrooms_roomrecord SET alarm_at = ?, alarm_attempts = ?",
        str(datetime.now(UTC).replace(tzinfo=None)),
        attempts,
    )


async def retry(lab, key):
    """`manage.py rooms alarm KEY --retry`, in one more process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "django", "rooms", "alarm", key, "--retry"),
        cwd=ROOT,
        env=lab.env,
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


@pytest.mark.parametrize("owners", ["any", "workers"])
async def test_r40_sockets_hear_the_alarm_of_a_room_of_another_process(kind, owners):
    """With `OWNERS = "any"` and `"workers"`: it rings where the room runs."""
    async with across(owners) as lab:
        await ask(lab, "POST", dues=[time.time() + 3600])
        elsewhere = lab.gateways[1]
        socket = await open_socket(lab.address(ROOM, elsewhere))
        await ask(lab, "POST", dues=[time.time() + 0.5])

        assert await socket.receive() == "ring 0"
        assert lab.owner(ROOM) is not elsewhere
        await until(lab, "alarm_at IS NULL")
        assert len(lab.entries(ROOM)["rings"]) == 1
        socket.transport.abort()


async def test_r40_rooms_that_are_not_in_memory_are_woken_at_workers(kind):
    """`OWNERS = "workers"`: whichever finds the alarm; a gateway runs none."""
    rooms = [f"timer/{number}" for number in range(6)]
    async with across("workers", IDLE_TIMEOUT=0.5) as lab:
        for room in rooms:
            await ask(lab, "POST", room, dues=[time.time() + 3600])
        await until(lab, "owner_id IS NULL")
        make_due(lab)
        await until(lab, "alarm_at IS NULL")
        nodes = lab.database.execute("SELECT id, pid FROM partyrooms_node")
        pids = {str(node).replace("-", ""): pid for node, pid in nodes}
        lines = [lab.handled(room) for room in rooms]
        rings = [len(lab.entries(room)["rings"]) for room in rooms]

    runners = {pids[line.node.replace("-", "")] for (line,) in lines}
    assert rings == [1] * len(rooms)
    assert runners <= {worker.pid for worker in lab.workers}


async def test_r40_a_failed_alarm_of_a_room_of_a_worker_is_retried_by_hand(kind):
    """The row is changed in another process, while the owner has the room."""
    async with across("workers", IDLE_TIMEOUT=0.5) as lab:
        await ask(lab, "PUT", is_broken=True)
        await ask(lab, "POST", dues=[time.time() + 3600])
        await until(lab, "owner_id IS NULL")
        make_due(lab, attempts=6)
        await until(lab, "alarm_failed")
        socket = await open_socket(lab.address(ROOM))
        await ask(lab, "PUT", is_broken=False)
        await retry(lab, ROOM)

        assert await socket.receive() == "ring 0"
        await until(lab, "alarm_at IS NULL AND NOT alarm_failed")
        assert len(lab.entries(ROOM)["rings"]) == 1
        socket.transport.abort()
