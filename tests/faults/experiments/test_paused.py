"""SIGSTOP of the process that owns a room, while another one wants it."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.deadline import DEADLINE
from tests.faults.lab.clients import Client
from tests.faults.lab.crowd import running
from tests.faults.lab.laboratory import laboratory

ROOM = "ledger/one"


@asynccontextmanager
async def wanting(lab, gateway, room=ROOM):
    """A client that tries on and on to reach the room by another process."""
    rival = Client("rival", lambda: lab.address(room, gateway), lab.news)
    async with running([rival.run()]):
        await lab.news.until(lambda: rival.visits)
        yield rival


async def test_a_pause_shorter_than_the_lease_changes_nothing(database):
    """No new epoch, no socket closed, nothing lost; the rival stays outside."""
    async with laboratory(database, gateways=2, LEASE_TTL=6) as lab:
        owner, other = lab.gateways
        async with lab.crowd(ROOM, gateways=[owner]) as crowd:
            async with wanting(lab, other) as rival, crowd.sending():
                await crowd.progress(20)
                with owner.paused():
                    await asyncio.sleep(1)  # how long the fault lasts
                await crowd.progress(20)

            assert await lab.verdict(ROOM, crowd) == []
            assert lab.epoch(ROOM) == 1
            assert crowd.close_codes == []
            assert {visit.close_code for visit in rival.visits} <= {1013, None}
            assert not any(visit.frames for visit in rival.visits)


async def test_a_transaction_ended_by_a_short_pause_is_done_again(postgres):
    """
    The database ends it before the lease is over; the owner commits once more.

    Nobody has waited for it, and nobody notices.
    """
    times = {"HEARTBEAT_INTERVAL": 0.2, "LEASE_TTL": 4}
    async with laboratory(postgres, **times) as lab, lab.crowd(ROOM) as crowd:
        (owner,) = lab.gateways
        async with crowd.sending():
            await crowd.progress(20)
            commit = owner.to_database.trap(b"COMMIT")
            await commit.sprung()
            with owner.paused():
                await asyncio.sleep(2.5)  # half of the lease, and a bit
            commit.let_pass()
            await crowd.progress(20)

        assert await lab.verdict(ROOM, crowd) == []
        assert lab.epoch(ROOM) == 1
        assert crowd.close_codes == []


@pytest.mark.parametrize("party", ["ledger", "volatile-ledger"])
async def test_d1_a_pause_longer_than_the_lease_ends_an_ownership(postgres, party):
    """
    The zombie stores nothing, is heard by nobody, and lets go when it wakes.

    It finds frames that were sent when its successor had long been at work. Where
    nothing is stored no fence tells it so, only its clock.
    """
    room = f"{party}/one"
    async with laboratory(postgres, gateways=2) as lab:
        owner, successor = lab.gateways
        ways = [owner]
        async with (
            lab.crowd(room, gateways=ways) as crowd,
            wanting(lab, successor, room) as rival,
        ):
            async with crowd.sending():
                await crowd.progress(20)
                ways[0] = successor
                with owner.paused():
                    await lab.news.until(lambda: rival.is_open)
                    await rival.ask()
                    for client in crowd.clients:
                        await client.send()
                await owner.wait_for_log("gives up its rooms")
                await crowd.everybody_is_back()
                await crowd.progress(20)

            assert await lab.verdict(room, crowd, rival) == []
            assert lab.epoch(room) == 2
            # Nobody was told more than that the room has moved.
            assert set(crowd.close_codes) <= {1012, 1013}


async def test_d1_a_commit_that_begins_too_late_writes_nothing(postgres):
    """The successor has claimed the room, and written nothing yet: S8."""
    async with laboratory(postgres, gateways=2) as lab:
        owner, successor = lab.gateways
        ways = [owner]
        async with (
            lab.crowd(ROOM, gateways=ways) as crowd,
            wanting(lab, successor) as rival,
        ):
            async with crowd.sending():
                await crowd.progress(20)
                commit = owner.to_database.trap(b"BEGIN")
                await commit.sprung()
                ways[0] = successor
                with owner.paused():
                    await lab.news.until(lambda: rival.is_open)
                    commit.let_pass()
                await owner.wait_for_log("gives up its rooms")
                await rival.ask()
                await crowd.progress(20)

            assert await lab.verdict(ROOM, crowd, rival) == []
            assert lab.epoch(ROOM) == 2


async def test_d1_a_pause_with_a_commit_under_way_holds_up_no_successor(postgres):
    """
    The stopped process has the room's row locked, and its COMMIT comes too late.

    Its session is ended by the database, so that the claim need not wait for ever.
    """
    async with laboratory(postgres, gateways=2) as lab:
        owner, successor = lab.gateways
        ways = [owner]
        async with (
            lab.crowd(ROOM, gateways=ways) as crowd,
            wanting(lab, successor) as rival,
        ):
            async with crowd.sending():
                await crowd.progress(20)
                commit = owner.to_database.trap(b"COMMIT")
                await commit.sprung()
                ways[0] = successor
                with owner.paused():
                    await lab.news.until(lambda: rival.is_open)
                    await rival.ask()
                    commit.let_pass()
                await crowd.everybody_is_back()
                await crowd.progress(20)

            assert await lab.verdict(ROOM, crowd, rival) == []
            assert lab.epoch(ROOM) == 2


async def pause_in_transaction(owner, lab):
    """Pause a process at a moment when it has locked the whole file."""
    async with asyncio.timeout(DEADLINE):
        while True:
            owner.pause()
            if await stays_locked(lab.database):
                return
            owner.resume()
            await asyncio.sleep(0.001)  # a little further on its way


async def stays_locked(database):
    """Whether the file is locked for a second: a process that runs lets go of it."""
    for _ in range(100):
        if not database.is_locked():
            return False
        await asyncio.sleep(0.01)
    return True


async def pause_with_the_lock(owner, observer, lab):
    """Pause a process while it holds the lock, until the other one's log says so."""
    await pause_in_transaction(owner, lab)
    await observer.wait_for_log(
        rf"Process {owner.pid} \(node .* is stopped and may hold .*kill -9 {owner.pid}"
    )
    assert owner.is_running


async def test_d1_on_sqlite_a_stopped_owner_is_named_and_goes_on_when_woken():
    """It holds the lock of the whole file: until it is woken nobody can write."""
    async with laboratory("sqlite", gateways=2) as lab:
        owner, observer = lab.gateways
        async with lab.crowd(ROOM, gateways=[owner]) as crowd:
            async with crowd.sending():
                await crowd.progress(20)
                await pause_with_the_lock(owner, observer, lab)
                owner.resume()
                await crowd.progress(20)

            assert await lab.verdict(ROOM, crowd) == []
            assert lab.epoch(ROOM) == 1


async def test_d1_on_sqlite_a_stopped_owner_is_named_and_replaced_when_ended():
    """kill -9, as the log says; the room goes to a process that lives."""
    async with laboratory("sqlite", gateways=2) as lab:
        owner, successor = lab.gateways
        ways = [owner]
        async with (
            lab.crowd(ROOM, gateways=ways) as crowd,
            wanting(lab, successor) as rival,
        ):
            async with crowd.sending():
                await crowd.progress(20)
                ways[0] = successor
                await pause_with_the_lock(owner, successor, lab)
                await owner.kill()
                await lab.news.until(lambda: rival.is_open)
                await rival.ask()
                await crowd.everybody_is_back()
                await crowd.progress(20)

            assert await lab.verdict(ROOM, crowd, rival) == []
            assert lab.epoch(ROOM) == 2
            assert set(crowd.close_codes) == {1006}
