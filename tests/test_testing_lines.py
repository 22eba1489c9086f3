"""The testing kit's sockets behave as a gateway's do."""

import asyncio
import threading

from django.test import SimpleTestCase

from partyrooms import Room
from partyrooms.testing import running_room
from tests.runtime.stage import patiently


class Lined(Room):
    """Lets in when it is told to."""

    party = "lined"
    hibernate = True

    async def on_start(self):
        self.inside, self.go = asyncio.Event(), asyncio.Event()

    async def on_connect(self, connection, ctx):
        self.inside.set()
        await self.go.wait()

    async def on_request(self, request):
        return {}


async def test_r13_a_client_that_leaves_while_it_is_let_in_is_gone():
    """R13: no later life finds it."""
    async with running_room(Lined) as room:
        connecting = asyncio.create_task(room.connect("alice"))
        while not room.is_running:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        await patiently(room.instance.inside.wait())
        socket = room.instance.get_connection("alice")._socket
        socket.end((1006, ""), was_clean=False)
        room.instance.go.set()
        client = await patiently(connecting)

        await room.hibernate()
        await room.get()

        assert client.closed == (1006, "")
        assert list(room.instance.get_connections()) == []


async def test_r30_the_uri_is_as_a_client_would_have_sent_it():
    """R30: encoded once."""
    async with running_room(Lined, "a b") as room:
        await room.get()
        room.instance.go.set()
        await room.connect("alice", path="/x%20y", query="v=2")

        (alice,) = room.instance.get_connections()
        assert alice.uri == "/parties/lined/a%20b/x%20y?v=2"


class UnderDjangosSimpleTestCase(SimpleTestCase):
    """A room that asks no model needs no database."""

    async def test_plain_hooks_run_in_the_tests_own_thread(self):
        """Where a database connection of the test would be."""
        threads = []

        class Threaded(Room):
            party = "lined-threaded"

            def on_connect(self, connection, ctx):
                threads.append(threading.current_thread())

        async with running_room(Threaded) as room:
            await room.connect("alice")

        assert threads == [threading.main_thread()]
