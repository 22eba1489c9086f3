"""Rooms of a process without an event loop that lasts: WSGI, the sync test client."""

import asyncio
import threading

import pytest
from django.db import connections
from django.test import Client

from partyrooms import Room
from partyrooms.conf import get_settings
from partyrooms.server.host import background_loop
from partyrooms.server.node import Node
from partyrooms.server.nodes import existing_node, use_node
from partyrooms.testing.memory_store import MemoryStore
from tests.deadline import DEADLINE


class Counted(Room):
    """Counts its requests in memory."""

    count = 0

    async def on_request(self, request):
        self.count += 1
        return {"count": self.count, "data": request.data}


@pytest.fixture(autouse=True)
def memory():
    """A node in the background whose rooms need no database."""
    # A response that is closed looks after the connections that earlier tests left.
    connections.close_all()

    async def start():
        use_node(Node(MemoryStore(), name="test", settings=get_settings()))

    async def stop():
        await existing_node().close()
        use_node(None)

    loop = background_loop()
    asyncio.run_coroutine_threadsafe(start(), loop).result(DEADLINE)
    yield
    asyncio.run_coroutine_threadsafe(stop(), loop).result(DEADLINE)


def test_r6_a_room_outlives_the_request():
    """R6: two requests, two event loops, one instance."""
    client = Client()

    answers = [
        client.post("/parties/counted/lobby", {"a": 1}, "application/json").json()
        for _ in range(2)
    ]

    assert [answer["count"] for answer in answers] == [1, 2]
    assert answers[0]["data"] == {"a": 1}


def test_h6_h8_errors_are_the_same():
    """H6, H8: bad ids, unknown parties, and bodies over the limit."""
    client = Client()
    body = b"x" * (2**20 + 1)

    assert client.get("/parties/nobody/lobby").status_code == 404
    assert client.get("/parties/counted/a%00b").status_code == 400
    assert client.put("/parties/counted/lobby", body).status_code == 413


@pytest.mark.parametrize("sent", ["/app/parties", "/parties"])
def test_h1_a_forced_script_name_is_no_part_of_the_address(settings, sent):
    """H1: whether the proxy in front leaves it in the path or takes it away."""
    settings.FORCE_SCRIPT_NAME = "/app"
    raw = {"REQUEST_URI": f"{sent}/counted/a%20b?c=d"}
    response = Client().get("/parties/counted/a b", **raw)

    assert response.json()["count"] == 1


class Spoken(Room):
    """Streams words, as long as somebody reads."""

    closed = None

    async def on_request(self, request):
        try:
            for number in range(int(request.query_params["to"])):
                yield f"{number};"
        finally:
            Spoken.closed.set()


def test_h4_a_stream_is_read_by_a_wsgi_server():
    """H4: it iterates in a thread; whoever leaves closes the generator."""
    Spoken.closed = threading.Event()
    client = Client()

    response = client.get("/parties/spoken/lobby?to=3")
    whole = b"".join(response.streaming_content)

    assert whole == b"0;1;2;"
    assert Spoken.closed.wait(DEADLINE)

    Spoken.closed.clear()
    response = client.get("/parties/spoken/lobby?to=1000000000")
    assert next(iter(response.streaming_content)) == b"0;"
    response.close()
    assert Spoken.closed.wait(DEADLINE)
