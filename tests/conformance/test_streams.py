"""SPEC 6, 8: answers that come as they are made (H4), and as a stub sees them (P2)."""

import asyncio

import httpx
import pytest
from django.http import StreamingHttpResponse

from partyrooms import parties
from tests.deadline import DEADLINE
from tests.servers.site.journal import gate, note
from tests.servers.visitor import Room

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
async def talking(define):
    """A room that says one word, waits for the test, and says another one."""

    class Talking(Room):
        async def on_request(self, request):
            return self.words()

        async def words(self):
            try:
                yield "data: one\n\n"
                await gate(self.id)
                yield b"data: two\n\n"
            finally:
                note(self.id, "closed")

        async def on_message(self, message, sender):
            sender.send(message)

    return await define(Talking)


async def test_h4_a_generator_is_streamed_as_it_yields(talking):
    """An async generator of `str` and `bytes`; the room goes on with other events."""
    alice = await talking.join("alice")
    async with talking.visitor.http.stream("GET", talking.path) as response:
        chunks = response.aiter_raw()

        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert await anext(chunks) == b"data: one\n\n"
        assert await alice.ask("hi") == "hi"
        await talking.open_gate()
        assert await anext(chunks) == b"data: two\n\n"
        assert [chunk async for chunk in chunks] == []
    assert await talking.notes(until="closed") == [["closed"]]


async def test_h4_server_sent_events(talking):
    """`text/event-stream` for a client that accepts it, as a browser's EventSource."""
    async with talking.visitor.http.stream(
        "GET", talking.path, headers=EVENTS
    ) as response:
        content_type = response.headers["content-type"]
        first = await anext(response.aiter_lines())

    assert response.status_code == 200
    assert content_type == "text/event-stream"
    assert response.headers["cache-control"] == "no-cache"
    assert first == "data: one"


async def test_h4_a_client_that_leaves_ends_the_generator(talking):
    """`aclose` within a second."""
    async with talking.visitor.http.stream("GET", talking.path) as response:
        chunks = response.aiter_raw()
        await anext(chunks)
        assert await talking.notes() == []

    async with asyncio.timeout(DEADLINE):
        await talking.notes(until="closed")


async def test_h4_head_of_a_stream(talking):
    """Head and type, no body; the generator does not run on."""
    response = await talking.request("HEAD")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"].startswith("text/plain")
    assert (await talking.request("HEAD")).status_code == 200


async def test_h4_a_response_sets_status_and_headers_of_a_stream(define):
    """Django's `StreamingHttpResponse` of an async generator, too."""

    class Counting(Room):
        async def on_request(self, request):
            return StreamingHttpResponse(
                self.count(), status=201, content_type="text/csv"
            )

        async def count(self):
            for number in range(3):
                yield f"{number}\n"

    room = await define(Counting)
    response = await room.request()

    assert (response.status_code, response.text) == (201, "0\n1\n2\n")
    assert response.headers["content-type"] == "text/csv"


async def test_h4_hook_timeout_does_not_apply_to_a_stream(hasty):
    """The generator runs outside of the turn."""

    class Slow(Room):
        async def on_request(self, request):
            return self.words()

        async def words(self):
            yield "one"
            await asyncio.sleep(4.5)  # HOOK_TIMEOUT is 3 s here
            yield "two"

    room = await hasty.define(Slow)

    assert (await room.request()).text == "onetwo"


async def test_h4_a_stream_that_fails_is_cut(define, server, on):
    """The client cannot take it for the whole; `on_exception` hears of it."""

    class Failing(Room):
        async def on_request(self, request):
            return self.words()

        async def words(self):
            yield "one"
            raise ValueError("as asked")

    room = await define(Failing)

    try:
        end = (await room.request()).text
    except httpx.RemoteProtocolError:
        end = "cut"

    assert end == on(uvicorn="cut", daphne="one", instead="ended")
    await server.wait_for_log(f"{room.key} raised ValueError")


async def test_p2_fetch_of_a_stream(define):
    """Collected; or, with `stream=True`, iterated over."""

    class Counting(Room):
        async def on_request(self, request):
            for number in range(3):
                yield f"{number};"

    counting = await define(Counting)
    party, room_id = counting.party, counting.room_id

    class Asking(Room):
        async def on_request(self, request):
            stub = parties[party].get(room_id)
            whole = await stub.fetch()
            response = await stub.fetch(stream=True)
            return [whole.text, [chunk.decode() async for chunk in response]]

    room = await define(Asking)

    assert await room.data() == ["0;1;2;", ["0;", "1;", "2;"]]
