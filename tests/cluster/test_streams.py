"""H4: what on_request yields, on its way to whoever asked, in whatever process."""

import asyncio

import pytest
from django.http import StreamingHttpResponse

from partyrooms import Room
from partyrooms.api.parties import parties
from partyrooms.core.frames import AnswerKind
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.stream import WINDOW, StreamReader
from partyrooms.exceptions import PartyroomsError, StreamBroken
from partyrooms.server.nodes import use_node
from tests.cluster.world import PATIENCE, ask

KEY = RoomKey("streams-speaker", "one")


class Speaker(Room):
    """Yields what it is told to; ``events`` is where a test sees what happens in it."""

    party = "streams-speaker"
    events: asyncio.Queue
    more: asyncio.Event

    async def on_request(self, request):
        self.broadcast("asked")
        return getattr(self, request.data["text"])()

    async def words(self):
        for word in ("é", b"\x00", "", "end"):
            yield word

    async def held(self):
        try:
            yield "first"
            await self.more.wait()
            yield "second"
        finally:
            self.events.put_nowait("closed")

    async def endless(self):
        number = 0
        try:
            while True:
                yield b"x" * 10_000
                number += 10_000
        finally:
            self.events.put_nowait(number)

    async def large(self):
        yield b"y" * 1_500_000

    async def failing(self):
        yield "so far"
        raise ValueError("no further")

    async def cancelled(self):
        yield "so far"
        raise asyncio.CancelledError

    async def wrong(self):
        yield "so far"
        yield 7

    async def writing(self):
        await self.storage.put("written", True)
        yield "stored"

    def response(self):
        return StreamingHttpResponse(
            self.words(), status=201, content_type="text/x-own", headers={"X-Own": "a"}
        )

    def blocking(self):
        return StreamingHttpResponse(["a"])

    async def on_exception(self, error, connection):
        self.events.put_nowait(f"{type(error).__name__}: {error}")


class Generating(Room):
    """Its hook is a generator itself."""

    party = "streams-generating"

    async def on_request(self, request):
        yield "a"
        self.storage.put("seen", True)
        yield str(await self.storage.get("seen"))


@pytest.fixture
async def here(world):
    """The node that owns the room."""
    Speaker.events = asyncio.Queue()
    Speaker.more = asyncio.Event()
    node = await world.node()
    assert (await ask(node, KEY, text="words")).kind is AnswerKind.STREAM
    return node


@pytest.fixture
async def there(world, here):
    """Another node; with a memory cluster, the same."""
    return await world.node()


async def stream(node, text, key=KEY):
    """A room's streamed answer, as its reader sees it."""
    answer = await ask(node, key, text=text)
    assert answer.kind is AnswerKind.STREAM
    return StreamReader(answer.stream)


async def read(reader):
    """The next piece."""
    async with asyncio.timeout(PATIENCE):
        return await anext(reader)


async def event():
    """What happened in the room."""
    async with asyncio.timeout(PATIENCE):
        return await Speaker.events.get()


async def test_h4_chunks_come_in_order(there):
    """H4: str as UTF-8, bytes as they are."""
    reader = await stream(there, "words")

    async with asyncio.timeout(PATIENCE):
        chunks = [chunk async for chunk in reader]

    assert chunks == ["é".encode(), b"\x00", b"end"]


async def test_h4_a_hook_may_be_a_generator(there):
    """H4: a function with yield; its writes are turns of their own."""
    reader = await stream(there, "", RoomKey("streams-generating", "one"))

    async with asyncio.timeout(PATIENCE):
        assert [chunk async for chunk in reader] == [b"a", b"True"]


async def test_h4_each_chunk_comes_as_it_is_made(there):
    """H4: and the room goes on with other events meanwhile."""
    reader = await stream(there, "held")
    assert await read(reader) == b"first"

    assert (await ask(there, KEY, text="words")).status == 200

    Speaker.more.set()
    assert await read(reader) == b"second"
    with pytest.raises(StopAsyncIteration):
        await read(reader)
    assert await event() == "closed"


async def test_h4_a_reader_that_leaves_closes_the_generator(there):
    """H4: wherever it waits."""
    reader = await stream(there, "held")
    await read(reader)

    reader.close()

    assert await event() == "closed"


async def test_h4_a_reader_that_does_not_read_is_waited_for(there):
    """H4: the generator is asked for no more than the window; then it is closed."""
    reader = await stream(there, "endless")
    await read(reader)
    for _ in range(20):
        assert (await ask(there, KEY, text="words")).status == 200

    reader.close()

    assert 0 < await event() <= WINDOW + 3 * 10_000


async def test_h4_more_than_any_window_comes_whole(there):
    """H4: in pieces, as the reader reads."""
    reader = await stream(there, "large")

    async with asyncio.timeout(PATIENCE):
        sizes = [len(chunk) async for chunk in reader]

    assert sum(sizes) == 1_500_000
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("failing", "ValueError: no further"),
        ("cancelled", "RuntimeError: Background work was left by a CancelledError"),
    ],
)
async def test_h4_a_generator_that_raises_breaks_the_stream(there, way, told):
    """H4, R17: what it yielded arrives; on_exception hears of it."""
    reader = await stream(there, way)

    assert await read(reader) == b"so far"
    with pytest.raises(StreamBroken):
        await read(reader)
    assert await event() == told


async def test_h4_only_str_and_bytes_can_be_yielded(there):
    """H4: the error says so."""
    reader = await stream(there, "wrong")

    assert await read(reader) == b"so far"
    with pytest.raises(StreamBroken):
        await read(reader)
    assert await event() == (
        "TypeError: The generator that on_request returned may yield str and bytes; it "
        "yielded builtins.int."
    )


async def test_g2_a_chunk_leaves_behind_the_commit_of_what_was_written_before(here):
    """G2: it may say that something is stored."""
    reader = await stream(here, "writing")
    gate = here.worker(KEY).life.gate
    gate._may_act = lambda: False
    reading = asyncio.ensure_future(read(reader))
    done, _ = await asyncio.wait({reading}, timeout=0.3)
    assert not done

    gate._may_act = lambda: True
    gate.release()

    assert await reading == b"stored"


async def test_h4_the_rooms_end_breaks_the_stream(there):
    """H4: the generator is closed."""
    reader = await stream(there, "held")
    await read(reader)

    await there.cluster.inbox(KEY).stop()

    with pytest.raises(StreamBroken):
        await read(reader)
    assert await event() == "closed"


async def test_h4_a_response_sets_status_and_headers(there):
    """H4: Django's streaming response, of an async generator."""
    answer = await ask(there, KEY, text="response")

    assert (answer.status, answer.content_type) == (201, "text/x-own")
    assert ("X-Own", "a") in answer.headers
    async with asyncio.timeout(PATIENCE):
        assert b"".join([one async for one in StreamReader(answer.stream)]) == (
            "é".encode() + b"\x00end"
        )


async def test_h4_a_response_of_a_plain_iterator_is_a_defect(there):
    """H4: it would block the event loop."""
    assert (await ask(there, KEY, text="blocking")).status == 500

    assert "an async generator of str or bytes" in await event()


async def test_h4_a_room_that_streams_is_not_idle(here):
    """R24: its reader counts as somebody who is there."""
    reader = await stream(here, "held")
    await read(reader)
    worker = here.worker(KEY)
    await worker.until_idle()

    worker.sweep(here.clock() + 1000)
    await worker.until_idle()

    assert worker.life is not None
    reader.close()
    assert await event() == "closed"


async def test_h4_an_owner_that_dies_breaks_the_stream(layered):
    """H4: the reader does not wait for ever."""
    here, there = await layered.node(), await layered.node()
    Speaker.events = asyncio.Queue()
    Speaker.more = asyncio.Event()
    await ask(here, KEY, text="words")
    reader = await stream(there, "held")
    await read(reader)

    await layered.kill(here)

    with pytest.raises(StreamBroken):
        await read(reader)


async def test_h4_a_reader_that_dies_closes_the_generator(layered):
    """H4: its process is missed."""
    here, there = await layered.node(), await layered.node()
    Speaker.events = asyncio.Queue()
    Speaker.more = asyncio.Event()
    await ask(here, KEY, text="words")
    reader = await stream(there, "held")
    await read(reader)

    await layered.kill(there)

    assert await event() == "closed"


async def test_p2_a_stub_collects_a_stream(there):
    """P2: fetch waits for its end, up to a bound."""
    use_node(there)
    stub = parties["streams-speaker"].get("one")
    try:
        async with asyncio.timeout(PATIENCE):
            response = await stub.fetch(method="POST", json={"text": "words"})
            with pytest.raises(PartyroomsError, match="MAX_BODY_SIZE"):
                await stub.fetch(method="POST", json={"text": "endless"})
            await event()
    finally:
        use_node(None)

    assert response.text == "é\x00end"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


async def test_p2_a_stub_iterates_over_a_stream(there):
    """P2: with stream=True, as it comes; close ends it."""
    use_node(there)
    stub = parties["streams-speaker"].get("one")
    try:
        async with asyncio.timeout(PATIENCE):
            response = await stub.fetch(
                method="POST", json={"text": "held"}, stream=True
            )
            async for chunk in response:
                assert chunk == b"first"
                break
            response.close()
            assert await event() == "closed"
    finally:
        use_node(None)
