"""SPEC W9, W11: from which pages and to which host a handshake may come."""

import pytest

from tests.servers.raw import raw, raw_request
from tests.servers.site.journal import note
from tests.servers.visitor import Room


class Echo(Room):
    """Sends back what it hears; notes that it lives."""

    async def on_start(self):
        note(self.id, "start")

    async def on_message(self, message, sender):
        sender.send(message)


FOREIGN = [
    "https://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:{port}.evil.example",
    "http://localhost:{port}",
    "null",
    "",
    "*",
    "file://",
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}, https://evil.example",
]


async def test_w9_the_same_origin(define, visitor):
    """A browser's handshake from the site's own pages, with cookies."""
    room = await define(Echo)
    await visitor.login("ada")
    alice = await room.join("alice", origin=visitor.origin)

    assert await alice.ask("hi") == "hi"


@pytest.mark.parametrize("origin", FOREIGN)
async def test_w9_foreign_origins(define, visitor, kind, origin):
    """Another scheme, host or port: 403, and the room is not started."""
    room = await define(Echo)
    origin = origin.format(port=visitor.server.port)
    async with raw(visitor.server) as client:
        await client.send(client.handshake(room.target("alice"), Origin=origin))
        response = await client.response()

    # Daphne refuses by itself what is no origin at all.
    assert response.status in ({400, 403} if kind == "daphne" else {403})
    assert await room.notes() == []


async def test_w9_without_an_origin(define, visitor):
    """No browser: only without cookies."""
    room = await define(Echo)
    alice = await room.join("alice", origin=None)
    assert await alice.ask("hi") == "hi"

    await visitor.login("ada")
    response = await room.refusal("bob", origin=None)
    assert response.status_code == 403


async def test_w9_allowed_origins(tight):
    """Those of the setting, and those of the class."""
    room = await tight.define(Echo)
    alice = await room.join("alice", origin="https://friend.example")
    assert await alice.ask("hi") == "hi"

    response = await room.refusal("bob", origin="https://own.example:8443")
    assert response.status_code == 403
    response = await room.refusal("bob", origin="https://sub.friend.example")
    assert response.status_code == 403


async def test_w9_patterns_and_schemes(tight):
    """Subdomains, any port, shells of desktop and mobile; nothing beside them."""
    room = await tight.define(Echo)
    for origin in (
        *("https://a.family.example", "https://a.b.family.example"),
        *("http://localhost:3000", "capacitor://localhost", "file://"),
    ):
        socket = await room.join("alice", origin=origin)
        assert await socket.ask("hi") == "hi"
    for origin in (
        "https://family.example",
        "https://localhost:1",
        "ionic://localhost",
    ):
        assert (await room.refusal("bob", origin=origin)).status_code == 403


async def test_w9_allowed_origins_of_a_class(tight):
    """They add to the setting's."""

    class Friendly(Room):
        allowed_origins = ("https://own.example:8443",)

        async def on_message(self, message, sender):
            sender.send(message)

    room = await tight.define(Friendly)
    for origin in ("https://own.example:8443", "https://friend.example", tight.origin):
        socket = await room.join("alice", origin=origin)
        assert await socket.ask("hi") == "hi"
    response = await room.refusal("bob", origin="https://own.example")
    assert response.status_code == 403


async def test_w9_behind_a_trusted_proxy(tight):
    """The scheme is the one that the proxy tells of."""
    room = await tight.define(Echo)
    secure = tight.origin.replace("http://", "https://")
    proxied = {"X-Forwarded-Proto": "https"}
    alice = await room.join("alice", origin=secure, headers=proxied)
    assert await alice.ask("hi") == "hi"

    response = await room.refusal("bob", origin=tight.origin, headers=proxied)
    assert response.status_code == 403
    response = await room.refusal("bob", origin=secure)
    assert response.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "a b", ""])
async def test_w11_the_host_is_checked(define, visitor, on, host):
    """Against `ALLOWED_HOSTS`, on handshakes as on HTTP requests: 400."""
    room = await define(Echo)
    async with raw(visitor.server) as client:
        await client.send(client.handshake(room.target("alice"), Host=host))
        response = await client.response()
    asked = await raw_request(visitor.server, "GET", room.path, Host=host)

    assert asked.status == 400
    # An empty Host is no handshake for Daphne in the first place.
    allowed = {400, 403} if visitor.server.kind == "daphne" else {400}
    assert response.status in allowed
    assert await room.notes() == []


async def test_w11_an_origin_does_not_help_a_wrong_host(define, visitor, on):
    """Host and Origin that agree are still not this site's (DNS rebinding)."""
    room = await define(Echo)
    host = f"evil.example:{visitor.server.port}"
    async with raw(visitor.server) as client:
        request = client.handshake(
            room.target("alice"), Host=host, Origin=f"http://{host}"
        )
        await client.send(request)
        response = await client.response()

    assert response.status == on(uvicorn=400, daphne=403)
    assert await room.notes() == []
