"""kill -9 of the process that owns a room, under load."""

from tests.faults.lab.laboratory import IS_LONG, laboratory

ROOM = "ledger/one"

KILLS = 25 if IS_LONG else 2


async def test_d2_a_server_that_is_killed_loses_nothing(database, chance, tell):
    """What was acknowledged is stored; its successor takes the rooms at once."""
    async with laboratory(database) as lab, lab.crowd(ROOM) as crowd:
        (server,) = lab.gateways
        async with crowd.sending():
            for _ in range(KILLS):
                await crowd.progress(chance.randint(1, 100))
                await server.kill()
                await server.start()

        assert await lab.verdict(ROOM, crowd) == []
        assert lab.epoch(ROOM) == KILLS + 1
        # With its process a socket ends without a close frame.
        assert crowd.close_codes == [1006] * KILLS * len(crowd.clients)
        tell(f"{crowd.acknowledged} ops acknowledged over {KILLS} kills")


async def test_s9_a_server_that_is_killed_leaves_no_half_of_a_block(
    database, chance, tell
):
    """S9, D2: the room's writes and the project's are both there, or neither."""
    room = "atomic-ledger/one"
    async with laboratory(database) as lab, lab.crowd(room) as crowd:
        (server,) = lab.gateways
        async with crowd.sending():
            for _ in range(KILLS):
                await crowd.progress(chance.randint(1, 100))
                await server.kill()
                await server.start()

        assert await lab.verdict(room, crowd) == []
        stored = [(line.position, line.op) for line in lab.stored(room)]
        assert lab.booked(room) == stored
        assert lab.epoch(room) == KILLS + 1
        tell(f"{crowd.acknowledged} ops acknowledged over {KILLS} kills")
