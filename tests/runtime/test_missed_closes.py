"""on_close of who left while the room could not be started."""

import gc
from typing import ClassVar

import pytest

from partyrooms import Room
from tests.runtime.stage import on_stage, patiently


class Sleeping(Room):
    """Cannot be started while ``is_broken``; notes whose end it heard of."""

    party = "sleeping"
    hibernate = True
    is_broken = False
    ends: ClassVar[list] = []

    async def on_start(self):
        if self.is_broken:
            raise ValueError

    async def on_message(self, message, sender):
        sender.send(message)

    async def on_close(self, connection):
        self.ends.append((connection.id, connection.close_code, connection.was_clean))

    async def on_request(self, request):
        return {}

    async def on_exception(self, error, connection): ...


@pytest.fixture
def sleeping(monkeypatch):
    """The class, which no test leaves as it found it."""
    monkeypatch.setattr(Sleeping, "ends", [])
    monkeypatch.setattr(Sleeping, "is_broken", False)
    return Sleeping


async def test_r13_who_left_a_room_that_could_not_be_started_is_not_forgotten(sleeping):
    """R13, R10: the next start tells, once; nobody else need hold the room's worker."""
    async with on_stage(sleeping) as room:
        alice = await patiently(room.connect("alice"))
        bob = await patiently(room.connect("bob"))
        await patiently(room.hibernate())

        sleeping.is_broken = True
        await patiently(alice.close(4000, "bye"))
        await patiently(bob.vanish())
        assert (await patiently(room.get())).status_code == 500
        before = list(sleeping.ends)
        del room._worker
        gc.collect()
        room._worker = room.node.worker(room.key)
        sleeping.is_broken = False
        await patiently(room.get())
        await patiently(room.hibernate())
        await patiently(room.get())

        assert before == []
        assert sleeping.ends == [("alice", 4000, True), ("bob", 1006, False)]


async def test_r13_whom_a_failed_start_has_cost_the_socket_is_not_forgotten(sleeping):
    """R13, R10: what it sent failed with 1011; who sent nothing has not noticed."""
    async with on_stage(sleeping) as room:
        alice = await patiently(room.connect("alice"))
        bob = await patiently(room.connect("bob"))
        await patiently(room.hibernate())

        sleeping.is_broken = True
        room.put_in(alice, "one")
        await patiently(alice.send("two"))
        sleeping.is_broken = False
        await patiently(bob.send("hi"))

        assert (alice.closed[0], alice.received) == (1011, [])
        assert (bob.closed, bob.received) == (None, ["hi"])
        assert sleeping.ends == [("alice", 1011, True)]
