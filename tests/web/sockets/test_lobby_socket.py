"""``on_socket``: the socket that it is given, and what its end means for the client."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from channels.routing import ProtocolTypeRouter, URLRouter
from django.http import HttpResponse
from django.urls import re_path

from partyrooms import Reject, registry
from partyrooms.asgi import Application
from partyrooms.exceptions import SocketClosed
from partyrooms.routing import websocket_application, websocket_urlpatterns
from partyrooms.web.sockets import lobby_handshake, lobby_socket
from partyrooms.web.sockets.lobby_handshake import LobbySockets
from tests.deadline import DEADLINE
from tests.runtime.stage import patiently, turns_of_the_loop
from tests.web import rooms  # noqa: F401  (defines the party main)
from tests.web.conftest import MIDDLEWARE

HOST = (b"host", b"testserver")
WHOEVER = (b"cookie", b"a=1")


class Caller:
    """
    An ASGI server with one client that opens a WebSocket.

    Attributes:
        sent: What the client has been sent, oldest first.
        writable: Cleared: the client reads nothing, so the server's send waits.
        error: What the server's send raises instead of sending.
    """

    def __init__(self, application, path="/elsewhere", headers=(), subprotocols=()):
        self.sent = []
        self.taken = 0
        self.writable = asyncio.Event()
        self.writable.set()
        self.error = None
        self._events = asyncio.Queue()
        self._news = asyncio.Event()
        self._events.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"q=1",
            "root_path": "",
            "headers": [HOST, *headers],
            "subprotocols": list(subprotocols),
            "extensions": {"websocket.http.response": {}},
        }
        self.task = asyncio.get_running_loop().create_task(
            application(scope, self.receive, self.send)
        )

    async def receive(self):
        event = await self._events.get()
        self.taken += 1
        self._news.set()
        return event

    async def send(self, event):
        if self.error is not None:
            raise self.error
        if not self.writable.is_set():
            await self.writable.wait()
        self.sent.append(event)
        self._news.set()

    def frame(self, payload):
        """The client sends a frame."""
        kind = "text" if isinstance(payload, str) else "bytes"
        self._events.put_nowait({"type": "websocket.receive", kind: payload})

    def leave(self, code=1000, reason=""):
        """The client closes the connection."""
        event = {"type": "websocket.disconnect", "code": code, "reason": reason}
        self._events.put_nowait(event)

    async def until(self, reached):
        """Wait until something is so."""
        async with asyncio.timeout(DEADLINE):
            while not reached():
                self._news.clear()
                await self._news.wait()

    async def texts(self, count):
        """Wait for so many messages, and give them."""
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    @property
    def messages(self):
        sent = [one for one in self.sent if one["type"] == "websocket.send"]
        return [one["text"] if "text" in one else one["bytes"] for one in sent]

    async def over(self):
        """Wait for the application's end; the events in short."""
        await patiently(self.task)
        return [
            (one["type"].removeprefix("websocket."), one.get("code"))
            for one in self.sent
        ]

    @property
    def closing(self):
        return self.sent[-1]["code"], self.sent[-1]["reason"]


@pytest.fixture(autouse=True)
def wired(settings):
    """A project's settings."""
    settings.ROOT_URLCONF = "tests.web.urls"
    settings.MIDDLEWARE = MIDDLEWARE
    return settings


@pytest.fixture
def serve_with(monkeypatch):
    """Give the party ``main`` a hook and serve one client with it."""

    def serve(hook, application=None, **client):
        async def on_socket(cls, socket, lobby):
            return await hook(socket, lobby)

        main = registry.get("main")
        monkeypatch.setattr(main, "on_socket", classmethod(on_socket), raising=False)
        return Caller(application or LobbySockets(), **client)

    return serve


async def echo(socket, lobby):
    await socket.accept()
    async for message in socket:
        await socket.send(message)


async def test_b9_frames_in_both_directions(serve_with):
    """Text and binary, unchanged and in order; its end ends the iteration."""
    caller = serve_with(echo)
    for payload in ("é", b"\x00\xff", ""):
        caller.frame(payload)
    await caller.texts(3)
    caller.leave()

    # The socket is the client's to close: nothing is sent to one that has left.
    kinds = [kind for kind, _ in await caller.over()]
    assert kinds == ["accept", "send", "send", "send"]
    assert caller.messages == ["é", b"\x00\xff", ""]


async def test_b9_what_the_hook_is_told(serve_with):
    """The handshake after MIDDLEWARE, what is offered, and a lobby without a room."""
    told = []

    async def hook(socket, lobby):
        request = socket.request
        told.append((request.path, request.GET["q"], request.user.is_anonymous))
        told.append((socket.subprotocols, lobby.party, lobby.room_id))

    caller = serve_with(hook, subprotocols=["a", "b"])
    await caller.over()

    assert told == [("/elsewhere", "1", True), (["a", "b"], "main", "")]


async def test_b9_a_subprotocol_that_is_offered(serve_with):
    """A browser fails a handshake that selects another one."""

    async def hook(socket, lobby):
        with pytest.raises(ValueError, match=r"offers \['a', 'b'\], not 'c'"):
            await socket.accept("c")
        await socket.accept("b")

    caller = serve_with(hook, subprotocols=["a", "b"])

    assert await caller.over() == [("accept", None), ("close", 1000)]
    assert caller.sent[0]["subprotocol"] == "b"


async def test_b9_the_hooks_end_closes_the_socket(serve_with):
    """Normally."""

    async def hook(socket, lobby):
        await socket.accept()
        await socket.send_json({"a": [1, None]})

    caller = serve_with(hook)

    assert await caller.over() == [("accept", None), ("send", None), ("close", 1000)]
    assert caller.messages == ['{"a":[1,null]}']


async def test_b9_a_hook_that_does_not_accept_leaves_the_404(serve_with):
    """As ``on_fetch`` does that returns None."""

    async def hook(socket, lobby):
        pass

    caller = serve_with(hook)
    await caller.over()

    assert caller.sent[0]["status"] == 404


async def test_b9_absent_is_404():
    """No hook, no socket."""
    caller = Caller(LobbySockets())
    await caller.over()

    assert caller.sent[0]["status"] == 404


@pytest.mark.parametrize("is_accepted", [True, False])
async def test_b9_close_with_a_code(serve_with, is_accepted):
    """One that is not accepted yet is accepted first, so that a browser sees it."""
    heard = []

    async def hook(socket, lobby):
        if is_accepted:
            await socket.accept()
        await socket.close(4001, "as asked")
        await socket.close(4002)
        try:
            await socket.receive()
        except SocketClosed as error:
            heard.append((error.code, error.reason))

    caller = serve_with(hook)

    assert await caller.over() == [("accept", None), ("close", 4001)]
    assert caller.closing == (4001, "as asked")
    assert heard == [(4001, "as asked")]


@pytest.mark.parametrize("is_accepted", [True, False])
async def test_b9_a_rejection(serve_with, is_accepted):
    """``Reject``: its code, as of a before-hook."""

    async def hook(socket, lobby):
        if is_accepted:
            await socket.accept()
        raise Reject(4401, "who are you?")

    caller = serve_with(hook)
    await caller.over()

    assert caller.closing == (4401, "who are you?")


@pytest.mark.parametrize("is_accepted", [True, False])
async def test_b9_a_defect_is_1011_and_one_line(serve_with, is_accepted, caplog):
    """The client is not told what went wrong; the log is, once."""

    async def hook(socket, lobby):
        if is_accepted:
            await socket.accept()
        raise ZeroDivisionError("secret")

    caller = serve_with(hook)

    assert await caller.over() == [("accept", None), ("close", 1011)]
    assert "secret" not in caller.closing[1]
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.action == "on_socket_failed"
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_b9_another_sockets_end_is_a_defect(serve_with, caplog):
    """A hook between two sockets has to say what the other's end means."""

    async def hook(socket, lobby):
        await socket.accept()
        raise SocketClosed(1000)

    caller = serve_with(hook)

    assert await caller.over() == [("accept", None), ("close", 1011)]
    assert len(caplog.records) == 1


# A client that leaves


async def test_b9_what_came_before_the_end_is_read(serve_with):
    """Then ``receive`` raises, with code and reason; nobody is to blame."""
    heard = []
    ready = asyncio.Event()

    async def hook(socket, lobby):
        await socket.accept()
        await ready.wait()
        while True:
            heard.append(await socket.receive())

    caller = serve_with(hook)
    caller.frame("one")
    caller.frame("two")
    caller.leave(4002, "bye")
    await caller.until(lambda: caller.taken == 4)
    ready.set()
    await caller.over()

    assert heard == ["one", "two"]


async def test_b9_sending_to_a_client_that_left(serve_with, caplog):
    """``SocketClosed``, which ends the hook without a line in the log."""
    left = asyncio.Event()
    heard = []

    async def hook(socket, lobby):
        await socket.accept()
        await left.wait()
        try:
            await socket.send("late")
        except SocketClosed as error:
            heard.append((error.code, error.reason, socket.close_code))
            raise

    caller = serve_with(hook)
    caller.leave(4002, "bye")
    await caller.until(lambda: caller.taken == 2)
    left.set()

    assert await caller.over() == [("accept", None)]
    assert heard == [(4002, "bye", 4002)]
    assert not caplog.records


async def test_b9_the_server_says_that_the_client_has_gone(serve_with, caplog):
    """Before its event comes: uvicorn raises an OSError, and is not alone."""
    heard = []

    async def hook(socket, lobby):
        await socket.accept()
        await socket.receive()
        try:
            await socket.send("late")
        except SocketClosed as error:
            heard.append(error.code)
            raise

    caller = serve_with(hook)
    await caller.until(lambda: caller.sent)
    caller.error = OSError("gone")
    caller.frame("now")
    await caller.over()

    assert heard == [1006]
    assert not caplog.records


async def test_b9_a_hook_that_goes_on_is_cancelled(serve_with, monkeypatch):
    """Once its client has left: it may wait for something that never comes."""
    monkeypatch.setattr(lobby_handshake, "FAREWELL_TIME", 0.01)
    ended = []

    async def hook(socket, lobby):
        await socket.accept()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    caller = serve_with(hook)
    caller.leave()
    await caller.over()
    await asyncio.sleep(0)

    assert ended == ["cancelled"]
    assert not lobby_handshake._hooks


async def test_b9_a_hook_may_say_farewell(serve_with):
    """What it does behind its loop is not cut off at once."""
    ended = []

    async def hook(socket, lobby):
        await echo(socket, lobby)
        await turns_of_the_loop()
        ended.append(socket.close_code)

    caller = serve_with(hook)
    caller.leave(1001)
    await caller.over()

    assert ended == [1001]


async def test_b9_a_server_that_cancels_ends_the_hook(serve_with):
    """Daphne does, with whoever takes longer than it likes."""
    ended = asyncio.Event()

    async def hook(socket, lobby):
        await socket.accept()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = serve_with(hook)
    await caller.until(lambda: caller.sent)
    caller.task.cancel()

    await patiently(ended.wait())


# Bounds


async def test_b9_a_client_that_is_not_read_has_to_wait(serve_with):
    """So that it cannot fill the memory: the server's own queue fills instead."""
    ready = asyncio.Event()
    total = []

    async def hook(socket, lobby):
        await socket.accept()
        await ready.wait()
        async for message in socket:
            total.append(len(message))

    caller = serve_with(hook)
    for _ in range(100):
        caller.frame(b"x" * 10_000)
    caller.leave()
    await caller.until(lambda: caller.taken == 8)
    await turns_of_the_loop(50)
    taken = caller.taken
    ready.set()
    await caller.over()

    assert taken == 8  # the connect event, and 70,000 bytes
    assert sum(total) == 1_000_000


async def test_b9_sending_waits_for_a_client_that_reads_slowly(serve_with):
    """So that nothing piles up here."""
    progress = []

    async def hook(socket, lobby):
        await socket.accept()
        for number in range(3):
            await socket.send(str(number))
            progress.append(number)

    caller = serve_with(hook)
    caller.writable.clear()
    await turns_of_the_loop(50)
    before = list(progress)
    caller.writable.set()
    await caller.over()

    assert before == []
    assert progress == [0, 1, 2]


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("max_message_size", 5, 1009), ("message_rate", "1/h", 1008)],
)
async def test_b9_the_limits_of_the_class(
    serve_with, monkeypatch, caplog, option, value, code
):
    """W7: those of the party ``main``, with the codes that rooms use."""
    monkeypatch.setattr(registry.get("main"), option, value)
    caller = serve_with(echo)
    caller.frame("1234")
    await caller.texts(1)
    caller.frame("123456")
    await caller.until(lambda: caller.sent[-1]["type"] == "websocket.close")
    caller.leave()
    await caller.over()

    assert caller.messages == ["1234"]
    assert caller.closing[0] == code
    (record,) = caplog.records
    assert record.action == "connection_trouble"


async def test_b9_a_server_that_cannot_send_the_code(serve_with, monkeypatch):
    """Daphne: it closes with 1011 what ends with an exception."""
    monkeypatch.setattr(registry.get("main"), "max_message_size", 1)
    caller = serve_with(echo)
    await caller.until(lambda: caller.sent)
    caller.error = Exception("invalid close code")
    caller.frame("too long")

    with pytest.raises(Exception, match="invalid close code"):
        await caller.over()


async def test_w10_a_hook_that_does_not_answer(serve_with, settings, caplog):
    """W10: 503, and the hook is cancelled."""
    settings.PARTYROOMS = {"CONNECT_TIMEOUT": 0.05}
    ended = asyncio.Event()

    async def hook(socket, lobby):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = serve_with(hook)
    await caller.over()

    assert caller.sent[0]["status"] == 503
    await patiently(ended.wait())
    assert [record.action for record in caplog.records] == ["handshake_timeout"]


# Mistakes


@pytest.mark.parametrize("method", ["send", "receive"])
async def test_b9_before_accept(serve_with, caplog, method):
    """The error says what to do first."""

    async def hook(socket, lobby):
        await (socket.send("a") if method == "send" else socket.receive())

    caller = serve_with(hook)
    await caller.over()

    assert caller.closing[0] == 1011
    assert "await socket.accept() before" in str(caplog.records[0].exc_info[1])


async def test_b9_what_cannot_be_sent(serve_with):
    """Types, codes, reasons, a second accept."""

    async def hook(socket, lobby):
        await socket.accept()
        with pytest.raises(TypeError, match="send_json"):
            await socket.send({"a": 1})
        with pytest.raises(ValueError, match="1011 is no close code"):
            await socket.close(1011)
        with pytest.raises(RuntimeError, match="accepted already"):
            await socket.accept()

    caller = serve_with(hook)

    assert await caller.over() == [("accept", None), ("close", 1000)]


# Before the hook


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"origin", b"https://evil.example"), WHOEVER], 403),
        ([WHOEVER], 403),
        ([(b"x-forwarded-host", b"evil.example")], 400),
    ],
    ids=["foreign", "cookies-without-origin", "host"],
)
async def test_w9_w11_who_may_not_come(serve_with, settings, headers, status):
    """W9, W11: origin and host are checked as of handshakes to rooms."""
    settings.USE_X_FORWARDED_HOST = True
    settings.MIDDLEWARE = [MIDDLEWARE[-1]]
    heard = []

    async def hook(socket, lobby):
        heard.append(socket)

    caller = serve_with(hook, headers=headers)
    await caller.over()

    assert caller.sent[0]["status"] == status
    assert heard == []


@pytest.mark.parametrize("origin", [b"http://testserver", b"https://friend.example"])
async def test_w9_the_site_and_who_the_class_allows(serve_with, origin):
    """W9: ``allowed_origins`` of the party ``main``."""
    caller = serve_with(echo, headers=[(b"origin", origin), WHOEVER])
    caller.leave()

    assert await caller.over() == [("accept", None)]


async def test_b1_the_projects_middleware_decides_first(serve_with, settings):
    """B1: what it answers is the denial; what it sets on a response is sent."""
    settings.MIDDLEWARE = [*MIDDLEWARE, f"{__name__}.stop"]
    heard = []

    async def hook(socket, lobby):
        heard.append(socket)

    caller = serve_with(hook)
    await caller.over()
    settings.MIDDLEWARE = [*MIDDLEWARE, f"{__name__}.mark"]
    marked = serve_with(echo)
    marked.leave()
    await marked.over()

    assert caller.sent[0]["status"] == 418
    assert heard == []
    assert (b"x-mark", b"yes") in marked.sent[0]["headers"]


def stop(get_response):
    """Middleware that lets nobody in."""
    return lambda request: HttpResponse(status=418)


def mark(get_response):
    """Middleware that adds a header."""

    def middleware(request):
        response = get_response(request)
        response["X-Mark"] = "yes"
        return response

    return middleware


# Whose socket it is


async def own_socket(scope, receive, send):
    """The project's own application for WebSockets."""
    await receive()
    await send({"type": "websocket.close", "code": 4000})


async def broken_socket(scope, receive, send):
    """The project's own application, with a defect."""
    await receive()
    raise ValueError("No route found for path 'really'.")


async def test_b9_the_projects_own_application_comes_first(serve_with):
    """Where it has a route; the hook gets the others."""
    router = URLRouter([re_path("^own$", own_socket)])
    own = serve_with(echo, Application(router), path="/own")
    other = serve_with(echo, Application(router), path="/other")
    other.leave()

    assert await own.over() == [("close", 4000)]
    assert await other.over() == [("accept", None)]


async def test_b9_without_the_hook_an_unknown_route_is_404():
    """Instead of the ValueError that Channels raises."""
    router = URLRouter([re_path("^own$", own_socket)])
    caller = Caller(Application(router))
    await caller.over()

    assert caller.sent[0]["status"] == 404


async def test_b9_an_error_of_the_projects_application_is_its_own(serve_with):
    """Only a router that has touched nothing has no route."""
    caller = serve_with(echo, Application(broken_socket))

    with pytest.raises(ValueError, match="really"):
        await caller.over()


async def test_b9_a_party_that_is_unknown_is_none_of_its_business(serve_with):
    """A URL of rooms leads to a room, or to its 404."""
    caller = serve_with(echo, Application(), path="/parties/nobody/a")
    await caller.over()

    assert caller.sent[0]["status"] == 404


async def test_b9_in_a_projects_own_router(serve_with):
    """A pattern behind all others."""
    rest = re_path("", websocket_application)
    router = URLRouter([*websocket_urlpatterns, rest])
    application = ProtocolTypeRouter({"websocket": router})
    caller = serve_with(echo, application, path="/anywhere")
    caller.leave()

    assert await caller.over() == [("accept", None)]


async def test_b9_a_plain_hook_runs_in_a_thread(monkeypatch):
    """It reaches the socket through ``async_to_sync``."""
    from asgiref.sync import async_to_sync

    def on_socket(cls, socket, lobby):
        async_to_sync(socket.accept)()
        async_to_sync(socket.send)("plain")

    main = registry.get("main")
    monkeypatch.setattr(main, "on_socket", classmethod(on_socket), raising=False)
    caller = Caller(LobbySockets())

    assert await caller.over() == [("accept", None), ("send", None), ("close", 1000)]


@pytest.fixture
def short_times(monkeypatch):
    """Times that a test can wait for."""
    monkeypatch.setattr(lobby_socket, "READING_TIME", 0.05)
    monkeypatch.setattr(lobby_handshake, "FAREWELL_TIME", 0.05)


async def test_b9_a_client_that_leaves_is_noticed_by_a_hook_that_reads_nothing(
    serve_with, short_times
):
    """B9: the hook is cancelled, however much of what the client sent is unread."""
    cancelled = asyncio.Event()

    async def hook(socket, lobby):
        await socket.accept()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    caller = serve_with(hook)
    for _ in range(70):
        caller.frame("x" * 1000)
    caller.leave()
    await caller.over()

    assert cancelled.is_set()


async def test_b9_what_no_hook_reads_is_bounded(serve_with, short_times):
    """B9: a client that sends on is closed with 1013."""

    async def hook(socket, lobby):
        await socket.accept()
        await asyncio.Event().wait()

    caller = serve_with(hook)
    for _ in range(20):
        caller.frame("x" * 64_000)
    caller.leave()
    await caller.over()

    assert caller.closing == (1013, "messages are not read")


async def test_b9_plain_hooks_serve_many_sockets_at_once(serve_with, monkeypatch):
    """B9, R7: each has a thread while its client is there."""
    served = threading.Barrier(3)

    def on_socket(cls, socket, lobby):
        async_to_sync(socket.accept)()
        served.wait(DEADLINE)
        async_to_sync(socket.send)(async_to_sync(socket.receive)())

    callers = [serve_with(echo) for _ in range(3)]
    main = registry.get("main")
    monkeypatch.setattr(main, "on_socket", classmethod(on_socket))
    for caller in callers:
        caller.frame("hello")

    assert [await caller.texts(1) for caller in callers]
    assert [caller.messages for caller in callers] == [["hello"]] * 3
