"""Where a process has its rooms, for code on any event loop of it, or on none."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from asgiref.sync import async_to_sync

from partyrooms import CallCycle, Room, parties, rpc
from partyrooms.server.host import background_loop, host, host_loop, run_on, serve_here
from partyrooms.testing import running_room
from tests.deadline import DEADLINE
from tests.runtime.stage import patiently


class Hall(Room):
    """Answers, streams, echoes, and asks in a roundabout way."""

    party = "home-hall"

    async def on_connect(self, connection, ctx):
        connection.send(f"hello {connection.id}")

    async def on_message(self, message, sender):
        sender.send(message)

    async def on_request(self, request):
        if request.subpath == "/stream":
            return self.words()
        return {"thread": threading.current_thread().name}

    async def words(self):
        for word in ("one ", "two ", "three"):
            await asyncio.sleep(0.01)  # so that the reader has to wait
            yield word

    @rpc
    async def ask_itself(self):
        stub = parties["home-hall"].get(self.id)
        try:
            await asyncio.to_thread(async_to_sync(stub.call), "anything")
        except CallCycle:
            return "cycle"


@pytest.fixture
async def hall():
    """A stub of a room on the test's event loop."""
    async with running_room(Hall, "one"):
        yield parties["home-hall"].get("one")


async def in_thread(function, *args):
    """What a function gives that runs in a thread which knows of no event loop."""
    return await patiently(asyncio.to_thread(function, *args))


@contextmanager
def other_loop():
    """Another event loop, running in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(DEADLINE)
    loop.close()


async def test_p5_a_thread_reaches_the_rooms_of_the_event_loop(hall):
    """P5: whatever loop its call makes for itself, and one after another."""
    here = {"thread": threading.current_thread().name}

    for _ in range(3):
        response = await in_thread(async_to_sync(hall.fetch))
        assert response.data == here
    response = await in_thread(lambda: asyncio.run(hall.fetch()))
    assert response.data == here


async def test_p5_a_socket_in_a_thread(hall):
    """P5: each of its methods works on the loop that has the room."""

    async def use():
        async with hall.socket(query={"_pk": "bot"}) as socket:
            await socket.send("hi")
            heard = [await socket.receive(), await socket.receive()]
            await socket.close(4001)
            rest = [message async for message in socket]
        return heard, rest, socket.close_code

    assert await in_thread(async_to_sync(use)) == (["hello bot", "hi"], [], 4001)


async def test_p5_a_stream_in_a_thread(hall):
    """P5: collected, and as it comes."""

    async def use():
        collected = await hall.fetch("/stream")
        streamed = await hall.fetch("/stream", stream=True)
        return collected.text, b"".join([chunk async for chunk in streamed])

    assert await in_thread(async_to_sync(use)) == ("one two three", b"one two three")


async def test_p6_who_waits_for_whom_is_known_in_a_thread(hall):
    """P6: a hook that asks its own room through a thread would wait for ever."""
    assert await patiently(hall.call("ask_itself")) == "cycle"


async def test_a_loop_with_a_node_is_at_home_itself(hall):
    """Nothing is sent elsewhere that can be done here."""
    with other_loop() as other:
        asyncio.run_coroutine_threadsafe(_serve(), other).result(DEADLINE)

        assert host_loop() is asyncio.get_running_loop()


async def test_a_servers_loop_is_home_before_it_has_a_node(hall):
    """It will have one with its first event; there its clients will be."""
    with other_loop() as other:
        asyncio.run_coroutine_threadsafe(_serve(), other).result(DEADLINE)

        assert await in_thread(host_loop) is other
    # That server has ended; a loop with rooms is left.
    assert await in_thread(host_loop) is asyncio.get_running_loop()


async def _serve():
    assert serve_here() is asyncio.get_running_loop()


async def test_without_any_it_is_a_loop_in_a_thread():
    """One for all; it is the last resort."""
    homes = {await in_thread(host_loop) for _ in range(3)}

    assert homes == {background_loop()}
    assert host_loop() is background_loop()
    assert background_loop().is_running()


async def test_threads_that_come_at_once_share_it(monkeypatch):
    """Not one each: rooms would be apart."""
    from partyrooms.server import host as module

    monkeypatch.setattr(module, "_background", None)
    before = set(threading.enumerate())
    barrier = threading.Barrier(4)

    def find():
        barrier.wait(DEADLINE)
        return background_loop()

    loops = await asyncio.gather(*(in_thread(find) for _ in range(4)))
    new = {*threading.enumerate()} - before

    assert len(set(loops)) == 1
    (thread,) = [one for one in new if one.name == "partyrooms-rooms"]
    loops[0].call_soon_threadsafe(loops[0].stop)
    await in_thread(thread.join, DEADLINE)
    loops[0].close()


async def test_cancelling_cancels_the_work():
    """As if it were done here."""
    begun, ended = threading.Event(), threading.Event()

    async def work():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with other_loop() as other:
        task = asyncio.ensure_future(run_on(other, work))
        await in_thread(begun.wait, DEADLINE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await in_thread(ended.wait, DEADLINE)


async def test_the_node_is_that_of_the_loop(hall):
    """The work is given it."""
    nodes = []

    async def work(node):
        nodes.append(node)
        return asyncio.get_running_loop()

    loops = [await host.run(work), await in_thread(async_to_sync(host.run), work)]

    assert loops == [asyncio.get_running_loop()] * 2
    assert nodes[0] is nodes[1]
