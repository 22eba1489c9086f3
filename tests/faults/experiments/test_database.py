"""The database is held, cut or away while rooms write to it."""

import asyncio

import pytest

from tests.faults.lab.laboratory import IS_LONG, new_room

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD = 10.0 if IS_LONG else 2.5
"""Seconds; in both tiers longer than a lease, and shorter than a client's patience."""

CUTS = 100 if IS_LONG else 12


async def test_d9_a_database_that_is_held_closes_no_socket(postgres, pool):
    """Longer than the lease: rooms pause, and go on when it is back."""
    room = new_room("ledger")
    async with pool.laboratory(postgres) as lab, lab.crowd(room) as crowd:
        database = lab.gateways[0].to_database
        async with crowd.sending():
            await crowd.progress(20)
            database.hold()
            await asyncio.sleep(HOLD)
            database.heal()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []


async def test_d9_a_database_that_is_away_closes_no_socket(postgres, pool):
    """Its connections are reset and new ones are refused, as when it is restarted."""
    room = new_room("ledger")
    async with pool.laboratory(postgres) as lab, lab.crowd(room) as crowd:
        database = lab.gateways[0].to_database
        async with crowd.sending():
            await crowd.progress(20)
            database.is_refusing = True
            database.cut()
            await asyncio.sleep(HOLD)
            database.heal()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []


async def test_d9_connections_that_go_silent_are_given_up(postgres, pool):
    """D9: nothing comes any more, no error either; new connections work."""
    room = new_room("ledger")
    async with pool.laboratory(postgres) as lab, lab.crowd(room) as crowd:
        database = lab.gateways[0].to_database
        async with crowd.sending():
            await crowd.progress(20)
            database.silence()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []
        assert any("has been silent" in line for line in lab.gateways[0].log)


async def test_s9_a_block_whose_connection_goes_silent_is_done_once(postgres, pool):
    """S9, D9: its connection is the project's, but it begins and commits in a bound."""
    room = new_room("atomic-ledger")
    async with pool.laboratory(postgres) as lab, lab.crowd(room) as crowd:
        database = lab.gateways[0].to_database
        async with crowd.sending():
            await crowd.progress(20)
            database.silence()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        stored = [(line.position, line.op) for line in lab.stored(room)]
        assert lab.booked(room) == stored


async def test_d9_a_database_that_is_read_only_closes_no_socket(postgres, pool):
    """D9: as after a fail-over; what was sent meanwhile is stored afterwards."""
    room, setting = new_room("ledger"), "default_transaction_read_only"
    async with pool.laboratory(postgres) as lab, lab.crowd(room) as crowd:
        async with crowd.sending():
            await crowd.progress(20)
            lab.database.execute(f"ALTER SYSTEM SET {setting} = on")
            lab.database.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(HOLD)
            lab.database.execute(f"ALTER SYSTEM RESET {setting}")
            lab.database.execute("SELECT pg_reload_conf()")
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []


async def test_d9_a_commit_that_is_cut_off_is_done_once(postgres, pool, chance):
    """Before the database has heard of it, or behind it: the room cannot tell."""
    room = new_room("ledger")
    async with pool.laboratory(postgres) as lab, lab.crowd(room) as crowd:
        database = lab.gateways[0].to_database
        async with crowd.sending():
            for _ in range(CUTS):
                await crowd.progress(chance.randint(1, 10))
                commit = database.trap(b"COMMIT")
                await commit.sprung()
                chance.choice([commit.cut, commit.cut_reply])()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []


async def test_s9_a_block_whose_commit_is_cut_off_is_done_once(postgres, pool, chance):
    """S9: the room's writes and the project's, both or neither, whatever was lost."""
    room = new_room("atomic-ledger")
    async with pool.laboratory(postgres) as lab, lab.crowd(room) as crowd:
        database = lab.gateways[0].to_database
        async with crowd.sending():
            for _ in range(CUTS):
                await crowd.progress(chance.randint(1, 10))
                commit = database.trap(b"COMMIT")
                await commit.sprung()
                chance.choice([commit.cut, commit.cut_reply])()
            await crowd.progress(20)

        assert await lab.verdict(room, crowd) == []
        stored = [(line.position, line.op) for line in lab.stored(room)]
        assert lab.booked(room) == stored
        assert lab.epoch(room) == 1
        assert crowd.close_codes == []
