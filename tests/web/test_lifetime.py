"""However a request ends, its database connections are closed or given back."""

import asyncio
import threading

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections, connections
from django.http import FileResponse, StreamingHttpResponse

from partyrooms.web.http.handler import RoomHandler
from partyrooms.web.sockets.handshake import Handshake
from tests.deadline import DEADLINE
from tests.loop_clock import pass_time
from tests.web.drive import ask, knock
from tests.web.rooms import Telling

PATH = "/parties/telling/lobby"


class Query:
    """A plain hook that uses the database, then waits for a test."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.closed_in = threading.Event()
        self.error = None
        self.finished = []

    def __call__(self, request, lobby):
        self.thread = threading.current_thread()
        self.connection = connections["default"]
        self.connection.ensure_connection()
        self.begun.set()
        assert self.go_on.wait(DEADLINE)
        if self.error is not None:
            raise self.error

    def note(self, sender, **kwargs):
        """Hear that a request has finished, behind Django's own receivers."""
        self.finished.append((sender, threading.current_thread()))
        if threading.current_thread() is getattr(self, "thread", None):
            self.is_open = self.connection.connection is not None
            self.closed_in.set()


@pytest.fixture
def query(monkeypatch, transactional_db):
    """The hook, in front of a room."""
    query = Query()
    # A client of Django's tests takes this receiver away, and may have done so.
    was_connected = request_finished.disconnect(close_old_connections)
    request_finished.connect(close_old_connections)
    request_finished.connect(query.note)
    monkeypatch.setattr(Telling, "on_before_connect", query, raising=False)
    monkeypatch.setattr(Telling, "on_before_request", query, raising=False)
    query.__qualname__ = "query"
    yield query
    request_finished.disconnect(query.note)
    if not was_connected:
        request_finished.disconnect(close_old_connections)


async def test_w10_a_handshake_that_took_too_long_gives_its_connection_back(
    wired, handshake, query
):
    """W10: in its own thread, when the hook has ended, and once."""
    wired.PARTYROOMS = {"CONNECT_TIMEOUT": 60}
    knocking = asyncio.create_task(knock(handshake, PATH))
    assert await asyncio.to_thread(query.begun.wait, DEADLINE)
    pass_time(60)
    result = await knocking

    assert result.status == 503
    assert query.finished == []

    query.go_on.set()
    assert await asyncio.to_thread(query.closed_in.wait, DEADLINE)

    assert not query.is_open
    assert query.finished == [(Handshake, query.thread)]


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
async def test_w1_every_handshake_gives_its_connection_back(handshake, query, error):
    """W1: one that passes, and one that fails."""
    query.error = error
    query.go_on.set()
    await knock(handshake, PATH)
    assert await asyncio.to_thread(query.closed_in.wait, DEADLINE)

    assert not query.is_open
    assert [sender for sender, _ in query.finished] == [Handshake]


async def test_h7_a_request_that_is_cancelled_gives_its_connection_back(handler, query):
    """H7: as a server does that stops."""
    asking = asyncio.create_task(ask(handler, PATH))
    assert await asyncio.to_thread(query.begun.wait, DEADLINE)
    asking.cancel()
    await asyncio.wait({asking})
    query.go_on.set()
    assert await asyncio.to_thread(query.closed_in.wait, DEADLINE)

    assert not query.is_open
    assert query.finished == [(RoomHandler, query.thread)]


@pytest.fixture(params=["file", "sync", "async"])
def answered(request, monkeypatch, tmp_path):
    """A hook that answers with a stream; how many streams were closed."""
    closed = []

    class Parts:
        def __iter__(self):
            yield from (b"one", b"two")

        def close(self):
            closed.append("parts")

    async def parts():
        yield b"one"
        yield b"two"

    def answer(http_request, lobby):
        if request.param == "sync":
            return StreamingHttpResponse(Parts(), status=418)
        if request.param == "async":
            return StreamingHttpResponse(parts(), status=418)
        file = tmp_path / "file.txt"
        file.write_bytes(b"onetwo")
        opened.append(file.open("rb"))
        return FileResponse(opened[-1], status=418)

    opened = []
    monkeypatch.setattr(Telling, "on_before_connect", answer, raising=False)
    monkeypatch.setattr(Telling, "on_before_request", answer, raising=False)
    yield
    assert all(file.closed for file in opened)
    assert closed == (["parts"] if request.param == "sync" else [])


@pytest.mark.usefixtures("answered")
async def test_b3_a_stream_answers_a_handshake(handshake):
    """B3: with its status, headers and body; it is closed then."""
    result = await knock(handshake, PATH)

    assert (result.status, result.sent[1]["body"]) == (418, b"onetwo")
    assert result.headers[b"content-length"] == b"6"
    assert result.headers[b"content-type"]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous")
@pytest.mark.usefixtures("answered")
async def test_b3_a_stream_answers_a_request(handler):
    """B3: the same over HTTP."""
    reply = await ask(handler, PATH)

    assert (reply.status, reply.body) == (418, b"onetwo")
