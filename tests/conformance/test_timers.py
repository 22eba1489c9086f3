"""SPEC R27: timers of a room, on a server and where another process owns the room."""

import asyncio

import pytest

from tests.faults.lab.laboratory import PUBSUB_LAYER, laboratory
from tests.servers.client import DEADLINE, open_socket
from tests.servers.site.journal import note
from tests.servers.visitor import Room

METRONOME = "metronome/one"


async def test_r27_after_and_every_call_methods_in_the_rooms_order(define):
    """Coroutine functions and plain ones, each call a turn; `cancel()` inside it."""

    class Game(Room):
        async def on_message(self, message, sender):
            self.rounds = 0
            self.beat = self.every(0.05, self.play, message)
            self.after(0.01, self.begin, message)

        def begin(self, name):
            self.storage.put("begun", name)
            self.broadcast(f"begin {name}")

        async def play(self, name):
            self.rounds += 1
            self.broadcast(f"{name} {self.rounds}")
            if self.rounds == 3:
                self.beat.cancel()
                self.after(0.2, self.end)

        async def end(self):
            self.broadcast(f"end {await self.storage.get('begun')}")

    room = await define(Game)
    alice = await room.join("alice")

    await alice.send("chess")

    heard = [await alice.receive() for _ in range(5)]
    assert heard == ["begin chess", "chess 1", "chess 2", "chess 3", "end chess"]


async def test_r27_what_a_timers_call_raises_goes_to_on_exception(define):
    """Its writes and messages are dropped; `every` goes on."""

    class Clumsy(Room):
        async def on_message(self, message, sender):
            self.tries = 0
            self.every(0.05, self.try_it)

        async def try_it(self):
            self.tries += 1
            self.broadcast(f"try {self.tries}")
            if self.tries < 3:
                raise ValueError

        async def on_exception(self, error, connection):
            note(self.id, "exception", type(error).__name__, connection)

    room = await define(Clumsy)
    alice = await room.join("alice")

    assert await alice.ask("go") == "try 3"
    assert await room.notes() == [["exception", "ValueError", None]] * 2


async def test_r27_timers_end_with_the_life_of_their_room(define, on):
    """The next life has only those that it starts itself."""

    class Mortal(Room):
        def on_start(self):
            self.after(0.3, self.say, "started")

        async def on_message(self, message, sender):
            self.after(0.1, self.say, "old")
            await self.storage.sync()
            self.create_task(self.parties[self.party].get(self.id).stop())

        async def say(self, word):
            self.broadcast(word)

    room = await define(Mortal)
    alice = await room.join("alice")
    await alice.send("stop")
    assert (await alice.closed())[0] == on(uvicorn=1012, daphne=1011)

    bob = await room.join("bob")

    assert await bob.receive() == "started"


@pytest.mark.parametrize("kind", ["uvicorn"])
@pytest.mark.parametrize("owners", ["any", "workers"])
async def test_r27_timers_of_a_room_of_another_process(kind, owners):
    """They outlast HIBERNATE_AFTER; a planned restart ends them, the socket stays."""
    # Also R24 and D6, which tests/faults prove at length.
    options = {"OWNERS": owners, "layer": PUBSUB_LAYER, "HIBERNATE_AFTER": 0.3}
    workers = 2 if owners == "workers" else 0
    async with (
        laboratory("sqlite", gateways=2, workers=workers, **options) as lab,
        asyncio.timeout(DEADLINE),
    ):
        first = await open_socket(lab.address(METRONOME, lab.gateways[0]))
        epoch, _ = (await first.receive()).split()
        owner = lab.owner(METRONOME)
        elsewhere = next(one for one in lab.gateways if one is not owner)
        socket = await open_socket(lab.address(METRONOME, elsewhere))
        while int((await socket.receive()).split()[1]) < 10:
            pass
        await owner.terminate()
        await socket.send("wake up")
        while (beat := await socket.receive()).split()[0] == epoch:
            pass

        assert beat.split()[1] == "1"
        assert socket.close_code is None
