"""SPEC 4: a room's mailbox is fair to its connections (G6, R13), on real servers."""

import asyncio
import time
from itertools import pairwise

import pytest

from tests.deadline import DEADLINE
from tests.servers.process import serve
from tests.servers.visitor import Room, visit

FLOOD = 3000


async def test_g6_r13_one_client_floods_a_slow_room(kind):
    """
    Each frame of another client waits for ten of the flood's at most.

    Nobody is closed because the server does not read their pongs for the room's sake,
    and the close that waits when the server stops has its own code.
    """

    class Slow(Room):
        party = "slow"
        handled = 0

        async def on_message(self, message, sender):
            await asyncio.sleep(0.05)
            if message == "flood":
                self.handled += 1
            else:
                sender.send(str(self.handled))

        async def on_close(self, connection):
            self.storage.put(connection.id, connection.close_code)

        async def on_request(self, request):
            return await self.storage.list()

    pings = ("--ws-ping-interval", "0.5", "--ws-ping-timeout", "0.5")
    if kind == "daphne":
        pings = ("--ping-interval", "1", "--ping-timeout", "1")
    async with serve(kind, arguments=pings) as server, visit(server) as visitor:
        room = await visitor.define(Slow)
        flood, other = await room.join("flood"), await room.join("other")
        for _ in range(FLOOD):
            await flood.send("flood")
        assert int(await other.ask("hi")) <= 11
        answers = [int(await other.ask("hi")) for _ in range(8)]
        between = [after - before for before, after in pairwise(answers)]
        states = flood.state, other.state
        async with asyncio.timeout(DEADLINE):
            await other.close(4123)  # which waits for some of the flood's frames
        await server.terminate()
        await server.start()
        await visitor.define(Slow)
        ends = await room.data()

    assert max(between) <= 11
    assert [state.name for state in states] == ["OPEN", "OPEN"]
    if kind != "daphne":  # it ends without a word to the application
        assert ends == {"flood": 1012, "other": 4123}


@pytest.mark.parametrize("place", ["here", "elsewhere"])
async def test_g6_a_flood_reaches_a_room_of_another_process(own):
    """What the owner has not handled counts to the share: the same wait for others."""

    class Slow(Room):
        handled = 0

        async def on_message(self, message, sender):
            await asyncio.sleep(0.01)
            if message == "flood":
                self.handled += 1
            else:
                sender.send(str(self.handled))

    room = await own(Slow)
    flood, other = await room.join("flood"), await room.join("other")
    for _ in range(FLOOD):
        await flood.send("flood")
    answers = [int(await other.ask("hi")) for _ in range(8)]

    # The share, and what is handled while an answer and a frame are under way.
    assert max(after - before for before, after in pairwise([0, *answers])) <= 40
    await flood.abort()


async def test_g6_d8_one_room_has_more_than_the_process_can_do(kind):
    """
    Newcomers to other rooms are let in within a second of the busy room's work.

    Its own requests are turned away at once, before MAILBOX_SIZE is reached, and those
    who talk stay connected.
    """

    class Busy(Room):
        handled = 0

        async def on_connect(self, connection, ctx):
            connection.send(str(type(self).handled))

        async def on_message(self, message, sender):
            if message == "count":
                sender.send(str(type(self).handled))
                return
            type(self).handled += 1
            end = time.perf_counter() + 0.005
            while time.perf_counter() < end:
                pass

        async def on_request(self, request):
            return {}

    settings = {"PARTYROOMS": {"CONNECT_TIMEOUT": 2}}
    async with serve(kind, settings=settings) as server, visit(server) as visitor:
        hot = await visitor.define(Busy)
        watcher = await hot.other("watched").join("watcher")
        await watcher.receive()
        talkers = [await hot.join(f"talker-{n}") for n in range(60)]
        talking = asyncio.gather(*(_talk(one) for one in talkers))
        try:
            while (await hot.request()).status_code == 200:
                pass
            waits = []
            for n in range(10):
                before = int(await watcher.ask("count"))
                newcomer = await hot.other(f"other-{n}").join("newcomer")
                waits.append(int(await newcomer.receive()) - before)
            refusals = [await hot.request() for _ in range(5)]
        finally:
            talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        states = {one.state.name for one in talkers}

    assert max(waits) <= 200  # of 5 ms each
    assert [one.status_code for one in refusals] == [503] * 5
    assert refusals[0].headers["retry-after"] == "1"
    assert any("more than CONNECT_TIMEOUT" in line for line in server.log)
    assert states == {"OPEN"}


async def _talk(client):
    """Three times its part of what the room can do."""
    while True:
        await client.send("hi")
        await asyncio.sleep(0.1)
