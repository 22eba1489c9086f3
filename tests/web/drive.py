"""An ASGI server in a few lines: sends one request, or holds one socket."""

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.deadline import DEADLINE

HOST = (b"host", b"testserver")


@dataclass
class Reply:
    """A response as it left the application."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def data(self):
        return json.loads(self.body)

    def header(self, name):
        values = [v.decode() for k, v in self.headers if k.lower() == name.encode()]
        return ", ".join(values) if values else None


async def ask(
    application, path, method="GET", *, headers=(), body=b"", chunks=None, **scope
):
    """Send a request, its body in chunks if given, and return the reply."""
    raw_path, _, query = path.partition("?")
    chunks = list(chunks if chunks is not None else [body])
    lines = [HOST, *((k.encode(), v.encode()) for k, v in dict(headers).items())]
    if body:
        lines.append((b"content-length", str(len(body)).encode()))
    received, sent = [], []

    async def receive():
        if not chunks:
            if received:  # all of it was sent: a client that waits for its answer
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        received.append(chunks[0])
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message):
        sent.append(message)

    full = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": lines,
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    await asyncio.wait_for(application(full | scope, receive, send), DEADLINE)
    if not sent:
        return None
    parts = b"".join(message.get("body", b"") for message in sent[1:])
    reply = Reply(sent[0]["status"], sent[0]["headers"], parts)
    reply.received = len(received)
    return reply


@dataclass
class Knock:
    """What a handshake led to: the messages sent, and the consumer's scope."""

    sent: list[dict] = field(default_factory=list)
    admission: object = None

    @property
    def status(self):
        return self.sent[0].get("status")

    @property
    def data(self):
        return json.loads(self.sent[1]["body"])

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def closing(self):
        """Code and reason of a socket that was accepted only to be closed."""
        assert self.sent[0]["type"] == "websocket.accept"
        return self.sent[1]["code"], self.sent[1]["reason"]


async def knock(
    application, path, *, headers=(), extension=True, subprotocols=(), **scope
):
    """Shake hands and return what came of it."""
    raw_path, _, query = path.partition("?")
    result = Knock()
    messages = [{"type": "websocket.connect"}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message):
        result.sent.append(message)

    full = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            HOST,
            *((k.encode(), v.encode()) for k, v in dict(headers).items()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}} if extension else {},
        "knock": result,
    }
    await asyncio.wait_for(application(full | scope, receive, send), DEADLINE)
    return result


async def note_admission(scope, receive, send):
    """Stand in for the consumer: note whom the handshake let in."""
    scope["knock"].admission = scope["partyrooms"]
