"""Of many rooms only those are looked at that may have something to do."""

from collections import Counter

from partyrooms import Room
from partyrooms.core.keys import RoomKey
from partyrooms.runtime.sweeps import Sweeps
from partyrooms.runtime.worker import Worker
from tests.runtime.stage import on_stage, patiently

ROOMS = 100


class Sleeper(Room):
    """Has nothing to do."""

    party = "sweeps-sleeper"

    def on_request(self, request):
        return None


class Looked:
    """Asks to be looked at when it likes, and notes when it was."""

    def __init__(self, *whens):
        self.whens = list(whens)
        self.seen = []

    def sweep(self, now):
        self.seen.append(now)
        return self.whens.pop(0)


async def test_r24_rooms_that_rest_are_not_looked_at_until_they_are_due(monkeypatch):
    """R24, R26: ten thousand that rest would block the process each second."""
    looks, sweep = Counter(), Worker.sweep

    def note(worker, now):
        looks[worker.key] += 1
        return sweep(worker, now)

    async with on_stage(Sleeper, idle_timeout=60.0, hibernate_after=10.0) as room:
        workers = [
            room.node.worker(RoomKey(Sleeper.party, f"r{n}")) for n in range(ROOMS)
        ]
        for worker in workers:
            await patiently(worker.request(None))
            await patiently(worker.until_idle())
        monkeypatch.setattr(Worker, "sweep", note)

        for _ in range(59):
            room.pass_time(1.0)
        before = dict(looks)
        room.pass_time(1.0)
        for worker in workers:
            await patiently(worker.until_idle())

        assert before == {}
        assert looks == dict.fromkeys([worker.key for worker in workers], 1)
        assert [worker.life for worker in workers] == [None] * ROOMS


def test_a_resting_one_is_looked_at_when_it_has_asked_for_it():
    """Once for each time; None: not before it has worked."""
    sweeps, one = Sweeps(), Looked(10.0, 20.0, None)
    sweeps.works(one)
    sweeps.rests(one, 0.0)

    for now in (5.0, 10.0, 15.0, 20.0, 25.0):
        sweeps.run(now)

    assert one.seen == [0.0, 10.0, 20.0]


def test_one_at_work_is_looked_at_each_time():
    """A hook that runs too long is to be seen."""
    sweeps, one = Sweeps(), Looked(None, None)
    sweeps.works(one)

    sweeps.run(1.0)
    sweeps.run(2.0)
    sweeps.ends(one)
    sweeps.run(3.0)

    assert one.seen == [1.0, 2.0]


def test_one_that_is_forgotten_is_not_looked_at():
    """Whatever it has asked for."""
    sweeps, one = Sweeps(), Looked(10.0)
    sweeps.works(one)
    sweeps.rests(one, 0.0)

    sweeps.forget(one)
    sweeps.run(10.0)

    assert one.seen == [0.0]
    assert sweeps.busy == set()


def test_one_that_is_due_now_again_does_not_hold_up_the_others():
    """A sum may round down to the present time."""
    sweeps, one = Sweeps(), Looked(10.0, 10.0, None)
    sweeps.works(one)
    sweeps.rests(one, 0.0)

    sweeps.run(10.0)

    assert one.seen == [0.0, 10.0]
