"""Which rooms are locked, as a process knows it: read seldom, and never in doubt."""

from partyrooms.core.keys import RoomKey
from partyrooms.exceptions import StoreUnavailable
from partyrooms.server.locks import MAX_AGE, Locks

TEA = RoomKey("chat", "tea")


class Rows:
    """What is locked, and how often somebody has looked."""

    def __init__(self):
        self.keys = {TEA}
        self.looks = 0
        self.is_away = False

    async def locked(self):
        self.looks += 1
        if self.is_away:
            raise StoreUnavailable("away")
        return self.keys


async def test_o3_many_newcomers_cost_one_look():
    """O3: a lock is known after MAX_AGE seconds, whatever is asked meanwhile."""
    rows, clock = Rows(), [10.0]
    locks = Locks(rows, lambda: clock[0])

    assert await locks.has(TEA)
    rows.keys = set()
    assert await locks.has(TEA)
    assert rows.looks == 1
    clock[0] += MAX_AGE
    assert not await locks.has(TEA)
    assert rows.looks == 2


async def test_d9_while_the_database_is_away_nothing_changes():
    """D9: a locked room stays locked, and the others take newcomers."""
    rows, clock = Rows(), [10.0]
    locks = Locks(rows, lambda: clock[0])
    await locks.has(TEA)
    rows.is_away = True
    clock[0] += MAX_AGE

    assert await locks.has(TEA)
    assert not await locks.has(RoomKey("chat", "coffee"))
    assert rows.looks == 2
