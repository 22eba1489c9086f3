"""A locked room: newcomers are refused, before anything of it is started."""

import asyncio

from websockets.exceptions import ConnectionClosed

from tests.deadline import DEADLINE
from tests.servers.client import open_socket
from tests.servers.command import manage
from tests.servers.database import execute
from tests.servers.process import serve

ROWS = "SELECT owner_id, epoch FROM partyrooms_roomrecord WHERE room_id = 'tea'"


async def rooms(server, *arguments):
    done = await asyncio.to_thread(
        manage, "rooms", *arguments, database=server.database
    )
    assert done.returncode == 0, done.stderr


async def newcomer(server, code):
    """A newcomer after whom the server has read the locks: what becomes of it."""
    async with asyncio.timeout(DEADLINE):
        while True:
            socket = await open_socket(f"{server.ws_url}/parties/main/tea")
            try:
                await socket.ask("hello")
                await socket.close()
                found = None
            except ConnectionClosed:
                found = socket.close_code
            if found == code:
                return socket


async def test_o3_a_locked_room_refuses_newcomers():
    """O3: with 4423; who is there stays, and an unlocked room takes them again."""
    async with serve("uvicorn") as server:
        alice = await open_socket(f"{server.ws_url}/parties/main/tea")
        await rooms(server, "lock", "main/tea")
        bob = await newcomer(server, 4423)
        await rooms(server, "unlock", "main/tea")
        await newcomer(server, None)

        assert bob.close_reason == "this room is locked"
        assert alice.close_code is None
        await alice.close()


async def test_o3_a_locked_room_is_not_started():
    """O3: a newcomer to a room that does not run changes nothing of its row."""
    async with serve("uvicorn") as server:
        first = await open_socket(f"{server.ws_url}/parties/main/tea")
        await first.close()
        await rooms(server, "lock", "main/tea")
        await rooms(server, "stop", "main/tea", "--timeout", str(DEADLINE))
        before = execute(server.database, ROWS)

        await newcomer(server, 4423)

        assert before[0][0] is None
        assert execute(server.database, ROWS) == before
