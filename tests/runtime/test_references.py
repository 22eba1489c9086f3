"""What outlives a turn: nothing of what it said."""

import gc

import pytest

from partyrooms import Room
from partyrooms.core.frames import Answer, Frame
from partyrooms.runtime.events import Event
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop

KEPT = Answer | Frame | Event


class Large(Room):
    """Says something large, in the way that the path of a request names."""

    party = "large"

    async def on_request(self, request):
        if request != "says nothing":
            self.broadcast("x" * 1000)
        if request == "stores":
            self.storage.put("key", 1)
        if request == "raises":
            raise ZeroDivisionError
        if request == "commits":
            async with self.storage.atomic():
                self.broadcast("y" * 1000)
        return {"body": "x" * 1000}

    async def on_exception(self, error, connection): ...


def living():
    """Every answer, frame and event that anything refers to."""
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, KEPT)]


@pytest.mark.parametrize("way", ["says", "says nothing", "stores", "raises", "commits"])
async def test_d7_a_room_keeps_nothing_of_what_it_has_said(way):
    """D7: what was answered, sent and dropped is free when the turn is over."""
    before = living()  # other tests' modules hold some

    async with on_stage(Large) as room:
        await patiently(room.worker.request(way))
        room.pass_time(1)
        await patiently(room.worker.request(way))
        await patiently(room.worker.until_idle())
        await turns_of_the_loop()

        known = {id(one) for one in before}
        kept = [one for one in living() if id(one) not in known]
        assert [type(one).__name__ for one in kept] == []
