"""SIGTERM to a web process: sockets are closed bit by bit, with a code."""

import asyncio

import httpx
import pytest

from tests.servers.process import serve
from tests.servers.site.journal import gate
from tests.servers.visitor import Room, visit

REASON = "the server is restarting; come back"


class Farewell(Room):
    """Stores who left, and how."""

    party = "farewell"

    async def on_message(self, message, sender):
        sender.send(message)

    async def on_close(self, connection):
        left = await self.storage.get("left", [])
        self.storage.put("left", [*left, connection.close_code])

    async def on_request(self, request):
        return await self.storage.get("left", [])


async def test_w7_sigterm_closes_every_socket_with_1012_and_its_reason():
    """W7: 1012, come back; on_close hears of each before the room stops."""
    async with serve("uvicorn") as server:
        async with visit(server) as visitor:
            room = await visitor.define(Farewell)
            sockets = [await room.join(f"s{number}") for number in range(60)]
            for socket in sockets:
                assert await socket.ask("here") == "here"

            _, *closes = await asyncio.gather(
                server.terminate(), *(socket.closed() for socket in sockets)
            )

        assert closes == [(1012, REASON)] * 60
        await server.start()
        async with visit(server) as visitor:
            await visitor.define(Farewell)
            again = visitor.room("farewell", room.room_id)
            assert await again.data() == [1012] * 60


async def test_sigterm_cuts_streams_that_have_no_end():
    """H4: else the server would wait for ever. The client sees that it is not whole."""

    class Ticker(Room):
        party = "ticker"

        async def on_request(self, request):
            return self.ticks()

        async def ticks(self):
            yield "tick"
            await gate("never")

    async with serve("uvicorn") as server, visit(server) as visitor:
        room = await visitor.define(Ticker)
        async with visitor.http.stream("GET", room.path) as response:
            chunks = response.aiter_raw()
            assert await anext(chunks) == b"tick"

            ending = asyncio.create_task(server.terminate())

            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                await anext(chunks)
            await ending

        assert not server.is_running


async def test_a_second_sigterm_is_obeyed_at_once():
    """A room that never ends its event holds the first one up, not the second."""

    class Endless(Room):
        async def on_message(self, message, sender):
            sender.send(message)

        async def on_close(self, connection):
            await gate("never")

    async with serve("uvicorn") as server, visit(server) as visitor:
        room = await visitor.define(Endless)
        alice = await room.join("alice")
        assert await alice.ask("here") == "here"
        server.send_signal(15)
        assert await alice.closed() == (1012, REASON)

        await server.terminate()

        assert not server.is_running
