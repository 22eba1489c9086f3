"""Background work does not fill the gate without a bound while nothing is committed."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.exceptions import GateFull
from tests.runtime.stage import on_stage, patiently, turns_of_the_loop

BOUND = 5


class Ticking(Room):
    """Works in the background as a message says, more often than there is space."""

    party = "gate-full"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.done, self.errors, self.count = asyncio.Event(), [], 0

    async def on_message(self, message, sender):
        self.create_task(self.work(message, sender))

    async def on_exception(self, error, connection):
        self.errors.append(error)
        self.done.set()

    async def work(self, message, sender):
        for _ in range(BOUND * 3):
            await getattr(self, message)(sender)
            self.count += 1
        self.done.set()

    async def sends(self, sender):
        if self.count == 0:  # Else nothing would have to wait.
            await self.transacts(sender)
        else:
            sender.send(str(self.count))

    async def puts(self, sender):
        self.storage.put("count", self.count)

    async def transacts(self, sender):
        async with self.storage.transaction():
            self.storage.put("count", self.count)
            sender.send(str(self.count))


async def working(room, message):
    """A client whose background work has done what it can while no commit ends."""
    alice = await patiently(room.connect("alice"))
    hold = room.store.hold("commit")
    room.put_in(alice, message)
    await patiently(hold.reached.wait())
    await turns_of_the_loop(100)
    return alice, hold


async def freed(room, hold):
    hold.go.set()
    await patiently(room.instance.done.wait())
    await patiently(room.worker.until_idle())


@pytest.mark.parametrize("way", ["sends", "puts"])
async def test_r23_a_call_that_finds_the_gate_full_raises(way):
    """R23, G6: with what to write instead; what was before it leaves and is stored."""
    async with on_stage(Ticking, mailbox_size=BOUND) as room:
        alice, hold = await working(room, way)
        held = len(room.worker.life.gate._held)
        await freed(room, hold)

        (error,) = room.instance.errors
        assert held == room.instance.count == BOUND
        assert isinstance(error, GateFull)
        assert "await self.storage.sync()" in str(error)
        assert alice.received == [str(n) for n in range(BOUND) if way == "sends"]
        assert list(await room.stored()) == ["count"]


async def test_s4_a_transaction_in_the_background_waits_for_space():
    """S4, G6: and goes on where it was."""
    async with on_stage(Ticking, mailbox_size=BOUND) as room:
        alice, hold = await working(room, "transacts")
        held = len(room.worker.life.gate._held)
        await freed(room, hold)

        assert held == BOUND
        assert room.instance.errors == []
        assert alice.received == [str(n) for n in range(BOUND * 3)]


async def test_h4_a_stream_waits_for_space():
    """H4, G6: its chunks pass the gate like everything else."""

    class Streaming(Ticking):
        party = "gate-full-streaming"

        async def on_request(self, request):
            return self.chunks()

        async def chunks(self):
            self.storage.put("count", 0)
            for number in range(BOUND * 3):
                self.count += 1
                yield str(number % 10)

    class Reader:
        is_full = False

        def __init__(self):
            self.received = b""
            self.is_over = asyncio.Event()

        def chunk(self, data):
            self.received += data

        def end(self, failed):
            self.is_over.set()

    async with on_stage(Streaming, mailbox_size=BOUND) as room:
        await patiently(room.connect("alice"))
        hold = room.store.hold("commit")
        reader = Reader()
        writer = room.worker.life.open_stream(room.instance.chunks())
        writer.open(reader)
        writer.grant(10**6)
        await patiently(hold.reached.wait())
        await turns_of_the_loop(100)
        held = len(room.worker.life.gate._held)
        hold.go.set()
        await patiently(reader.is_over.wait())

        assert held <= BOUND
        assert reader.received == b"012345678901234"
        assert room.instance.errors == []
