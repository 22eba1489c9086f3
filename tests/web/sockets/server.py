"""An ASGI server with one socket: a client that reads, or not, or is gone."""

import asyncio

from django.http import HttpRequest

from partyrooms.core.keys import RoomKey
from partyrooms.web.sockets.consumer import Gateway
from partyrooms.web.sockets.handshake import Admission
from tests.runtime.stage import patiently

WAIT = 60.0
"""Seconds that a handshake has."""


class Server:
    """
    Runs the consumer for one client.

    Attributes:
        sent: What the client has been sent, oldest first.
        writable: Cleared: the client reads nothing, so the server's send waits.
        error: What the server's send raises instead of sending.
    """

    def __init__(self, room_class, client="alice", **admission):
        self.sent = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.error = None
        self._events = asyncio.Queue()
        self._news = asyncio.Event()
        values = {
            "key": RoomKey(room_class.party, "test"),
            "connection_id": client,
            "user_id": None,
            "uri": f"/parties/{room_class.party}/test?_pk={client}",
            "subprotocol": None,
            "headers": [],
            "request": HttpRequest(),
            "props": {},
            "deadline": asyncio.get_running_loop().time() + WAIT,
        }
        self.scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "extensions": {"websocket.http.response": {}},
            "partyrooms": Admission(**(values | admission)),
        }
        self.task = None

    def start(self):
        """Let the consumer run, as a server does after a handshake."""
        consumer = Gateway.as_asgi()
        running = consumer(self.scope, self.receive, self.send)
        self.task = asyncio.get_running_loop().create_task(running)
        return self

    async def receive(self):
        return await self._events.get()

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
        """The client closes the connection; reason None: it is broken."""
        event = {"type": "websocket.disconnect", "code": code}
        if reason is not None:
            event["reason"] = reason
        self._events.put_nowait(event)

    async def until(self, count):
        """Wait until so many events were sent, and give them."""
        while len(self.sent) < count:
            self._news.clear()
            await patiently(self._news.wait())
        return self.sent

    async def ended(self):
        """Wait until the consumer has ended."""
        await patiently(asyncio.wait([self.task]))
        return self.task

    async def accepted(self):
        """Start it, and wait until the client is let in."""
        self.start()
        assert (await self.until(1))[0]["type"] == "websocket.accept"
        return self

    @property
    def payloads(self):
        """The frames that the client was sent."""
        return [
            event.get("text", event.get("bytes"))
            for event in self.sent
            if event["type"] == "websocket.send"
        ]

    @property
    def closed(self):
        """The code that the client was closed with; None: it is open."""
        codes = [e["code"] for e in self.sent if e["type"] == "websocket.close"]
        return codes[0] if codes else None

    @property
    def status(self):
        """The status of a denied handshake."""
        return self.sent[0].get("status")
