"""P6: rooms that wait for one another hear so, wherever each of them runs."""

import asyncio

import pytest

from partyrooms import CallCycle, CallFailed, Room, parties, rpc
from partyrooms.core.keys import RoomKey
from partyrooms.server.nodes import use_node
from tests.cluster.world import PATIENCE

SOON = PATIENCE
"""A circle is found within a second, on a machine with time."""


class Asker(Room):
    """Asks other rooms of its party what it is told to, in the way that it is told."""

    party = "cycles-asker"
    barriers = {}  # noqa: RUF012 - shared by a test's rooms, on purpose

    @rpc
    async def ask(self, way, path, meet=None):
        """Ask the first room of a path to ask the rest of it, and say how that went."""
        if meet:
            await self.barriers[meet].wait()  # the others are in their turns, too
        if not path:
            return f"{self.id} is at the end"
        room, *rest = path
        try:
            return await getattr(self, way)(self.parties[self.party].get(room), rest)
        except CallCycle as error:
            return f"{self.id}: {error}"

    async def call(self, stub, rest):
        return await stub.call("ask", "call", rest)

    async def fetch(self, stub, rest):
        return (await stub.fetch(method="POST", json=rest)).data

    async def on_request(self, request):
        return [await self.ask("fetch", request.data)]

    async def broadcast(self, stub, rest):
        await stub.broadcast("hi")
        return "sent"

    async def stop(self, stub, rest):
        await stub.stop()

    async def delete(self, stub, rest):
        await stub.delete()

    async def info(self, stub, rest):
        return (await stub.info())["connections"]

    async def several(self, stub, rest):
        stubs = [stub, *(self.parties[self.party].get(room) for room in rest)]
        found = await asyncio.gather(*(one.info() for one in stubs))
        return [one["connections"] for one in found]

    async def task(self, stub, rest):
        async def work():
            self.heard.set_result(await stub.call("ask", "call", rest))

        self.create_task(work())
        return "later"

    @rpc
    async def raises(self, path):
        room, *rest = path
        await self.parties[self.party].get(room).call("raises", rest)

    @rpc
    def plain(self):
        """From a thread."""
        from asgiref.sync import async_to_sync

        try:
            async_to_sync(self.parties[self.party].get(self.id).info)()
        except CallCycle as error:
            return str(error)


class Starting(Room):
    """Asks before it has begun."""

    party = "cycles-starting"

    async def on_start(self):
        self.heard = ""
        try:
            await self.parties["cycles-starting"].get(self.id).info()
        except CallCycle:
            self.heard = "on_start"

    @rpc
    async def news(self):
        return self.heard


@pytest.fixture
async def rooms(world):
    """Stubs of three rooms, each in a process of its own; they ask through a fourth."""
    for room in "abc":
        use_node(await world.node())
        async with asyncio.timeout(PATIENCE):
            await parties["cycles-asker"].get(room).info()
    use_node(await world.node())
    yield [parties["cycles-asker"].get(room) for room in "abc"]
    use_node(None)


@pytest.mark.parametrize(
    "way", ["call", "fetch", "info", "broadcast", "stop", "delete"]
)
async def test_p6_a_room_that_waits_for_itself(rooms, way):
    """P6: directly, whatever it asks of itself."""
    a, _, _ = rooms

    async with asyncio.timeout(SOON):
        answer = await a.call("ask", way, ["a"])

    assert answer.startswith("a: cycles-asker/a waits for cycles-asker/a: none")


@pytest.mark.parametrize("way", ["call", "fetch"])
async def test_p6_a_room_that_waits_for_itself_through_others(rooms, way):
    """P6: the last one hears it, and says it to all who wait."""
    a, _, _ = rooms

    async with asyncio.timeout(SOON):
        answer = await a.call("ask", way, ["b", "c", "a"])

    while isinstance(answer, list):
        (answer,) = answer
    assert answer.startswith(
        "c: cycles-asker/a waits for cycles-asker/b waits for cycles-asker/c waits for "
        "cycles-asker/a: none of them could go on."
    )


async def test_p6_a_path_without_a_circle_is_none(rooms):
    """P6: a room may be asked twice in a row, and by each of the others."""
    a, b, _ = rooms

    assert await a.call("ask", "call", ["b", "c"]) == "c is at the end"
    assert await a.call("ask", "call", ["c"]) == "c is at the end"
    assert await b.call("ask", "call", ["c"]) == "c is at the end"


async def test_p6_a_cycle_that_nobody_catches_reaches_the_first_caller(rooms):
    """P6: as what it is, past the methods that it ended."""
    a, _, _ = rooms

    with pytest.raises(CallCycle, match="cycles-asker/c waits for cycles-asker/a"):
        await a.call("raises", ["b", "c", "a"])


@pytest.mark.parametrize("way", ["call", "info"])
async def test_p6_two_rooms_that_ask_each_other_at_the_same_moment(rooms, way):
    """P6: neither has handled the other's question; one of them gives up, in time."""
    a, b, _ = rooms
    Asker.barriers["two"] = asyncio.Barrier(2)

    async with asyncio.timeout(SOON):
        heard = await asyncio.gather(
            a.call("ask", way, ["b"], meet="two"), b.call("ask", way, ["a"], meet="two")
        )

    cycles = [one for one in heard if "none of them could go on" in str(one)]
    assert len(cycles) == 1, heard


async def test_p6_three_rooms_that_ask_each_other_at_the_same_moment(rooms):
    """P6: so do these; one gives up, and the other two have their answers."""
    Asker.barriers["three"] = asyncio.Barrier(3)
    paths = zip(rooms, "bca", strict=True)

    async with asyncio.timeout(SOON):
        heard = await asyncio.gather(
            *(one.call("ask", "info", [room], meet="three") for one, room in paths)
        )

    assert sorted(heard, key=str)[:2] == [0, 0]
    assert "none of them could go on" in sorted(heard, key=str)[2]


async def test_p6_one_of_several_that_a_room_waits_for(rooms):
    """P6: a hook that waits for two rooms at once waits for each of them."""
    a, b, _ = rooms
    Asker.barriers["fan"] = asyncio.Barrier(2)

    async with asyncio.timeout(SOON):
        heard = await asyncio.gather(
            a.call("ask", "several", ["c", "b"], meet="fan"),
            b.call("ask", "info", ["a"], meet="fan"),
        )

    assert len([one for one in heard if "none of them" in str(one)]) == 1, heard


async def test_p6_who_waits_outside_of_turns_is_in_no_chain(rooms):
    """P6: create_task may ask the room itself, and be asked back."""
    a, _, _ = rooms

    Asker.heard = asyncio.get_running_loop().create_future()

    assert await a.call("ask", "task", ["b", "a"]) == "later"

    async with asyncio.timeout(PATIENCE):
        assert await Asker.heard == "a is at the end"


async def test_p6_a_busy_room_is_no_circle(rooms):
    """P6: a room that waits for one that only takes its time gets its answer."""
    a, b, _ = rooms
    Asker.barriers["busy"] = busy = asyncio.Barrier(2)
    working = asyncio.ensure_future(b.call("ask", "call", [], meet="busy"))
    waiting = asyncio.ensure_future(a.call("ask", "call", ["b"]))
    done, _ = await asyncio.wait({waiting}, timeout=0.6)  # more than one look
    assert not done

    await busy.wait()

    assert await waiting == "b is at the end"
    await working


async def test_p6_an_answer_that_waits_for_its_commit_is_on_its_way(world):
    """P6: a room that asks back after it has answered closes no circle."""
    node = await world.node()
    use_node(node)
    late = parties["cycles-late"]
    try:
        await late.get("a").info()
        await late.get("b").info()
        Late.handled = asyncio.Event()
        held = node.worker(RoomKey("cycles-late", "b")).life.gate
        held._may_act = lambda: False
        first = asyncio.ensure_future(late.get("a").call("ask_the_other", "b"))
        await Late.handled.wait()
        back = asyncio.ensure_future(late.get("b").call("ask_the_other", "a"))
        done, _ = await asyncio.wait({first, back}, timeout=0.6)
        assert not done

        held._may_act = lambda: True
        held.release()

        assert [await first, await back] == [0, 0]
    finally:
        use_node(None)


class Late(Room):
    """Its answers may be held back."""

    party = "cycles-late"
    handled: asyncio.Event

    @rpc
    async def ask_the_other(self, room):
        return await self.parties["cycles-late"].get(room).call("answer")

    @rpc
    async def answer(self):
        Late.handled.set()
        return 0


async def test_p6_a_plain_hook(rooms):
    """P6: a thread waits as a coroutine does."""
    a, _, _ = rooms

    assert "cycles-asker/a waits for cycles-asker/a" in await a.call("plain")


async def test_p6_a_room_that_waits_for_itself_before_it_has_begun(world):
    """P6: in on_start."""
    use_node(await world.node())
    try:
        async with asyncio.timeout(PATIENCE):
            heard = await parties["cycles-starting"].get("one").call("news")
    finally:
        use_node(None)

    assert heard == "on_start"


async def test_p6_the_first_error_is_the_one_that_is_told(rooms):
    """P3, P6: what a method raises is CallFailed, in each room that it passes."""
    a, _, _ = rooms

    with pytest.raises(CallFailed, match="CallFailed: ValueError: not enough values"):
        await a.call("raises", ["b"])
