"""The watchdog: whoever blocks the event loop is named while it does."""

import asyncio
import logging
import threading

import pytest

from partyrooms import Room
from partyrooms.runtime.watchdog import is_waiting
from partyrooms.server.start import current_node
from partyrooms.testing import running_room
from tests.runtime.stage import PATIENCE


class Naming(logging.Handler):
    """Lets a blocked room go once it was named."""

    def __init__(self):
        super().__init__()
        self.records = []
        self.named = threading.Event()

    def emit(self, record):
        if getattr(record, "action", "") == "loop_blocked":
            self.records.append(record)
            self.named.set()


@pytest.fixture
def naming():
    handler = Naming()
    logger = logging.getLogger("partyrooms.runtime")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def test_d8_a_room_that_blocks_the_event_loop_is_named(naming):
    """D8: in the log, with where it is, while it blocks; once."""

    class Blocking(Room):
        async def on_message(self, message, sender):
            sender.send(str(naming.named.wait(PATIENCE)))

    async with running_room(Blocking, "stone") as room:
        alice = await room.connect("alice")
        current_node().watchdog.start()

        await alice.send("go")

        assert alice.received == ["True"]
        (record,) = naming.records
        assert record.room == "blocking/stone"
        assert "threading.py" in record.getMessage()


async def test_d8_a_loop_that_only_waits_is_not_blamed(naming, monkeypatch):
    """D8: it answers late where the machine is slow; then there is nobody to name."""
    looked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def look(frame):
        loop.call_soon_threadsafe(looked.set)
        return is_waiting(frame)

    monkeypatch.setattr("partyrooms.runtime.watchdog.is_waiting", look)

    class Idle(Room):
        pass

    async with running_room(Idle, "bench"):
        watchdog = current_node().watchdog
        # The question is lost on its way, as it were.
        monkeypatch.setattr(watchdog, "_ask", lambda: not watchdog._answered.clear())
        watchdog.start()

        await asyncio.wait_for(looked.wait(), PATIENCE)
        watchdog.stop()
        await asyncio.to_thread(watchdog._thread.join, PATIENCE)

        assert naming.records == []


async def test_d8_background_work_is_named_by_its_room(naming):
    """D8: create_task is the room's, too."""

    class Digging(Room):
        async def on_message(self, message, sender):
            self.create_task(self.dig(sender))

        async def dig(self, sender):
            sender.send(str(naming.named.wait(PATIENCE)))

    async with running_room(Digging, "hole") as room:
        alice = await room.connect("alice")
        current_node().watchdog.start()

        await alice.send("go")
        await alice.send("and on")

        assert naming.records[0].room == "digging/hole"


async def test_d8_whoever_may_replace_the_process_hears_of_the_culprit(monkeypatch):
    """D8: after REPLACE_AFTER, in the watchdog's thread."""
    told, freed = [], threading.Event()

    class Stuck(Room):
        async def on_message(self, message, sender):
            freed.wait(PATIENCE)

    def replace(key):
        told.append(key)
        freed.set()

    monkeypatch.setattr("partyrooms.runtime.watchdog.REPLACE_AFTER", 0.5)
    async with running_room(Stuck, "fast") as room:
        alice = await room.connect("alice")
        watchdog = current_node().watchdog
        watchdog.on_stuck = replace
        watchdog.start()

        await alice.send("go")

        assert str(told[0]) == "stuck/fast"
