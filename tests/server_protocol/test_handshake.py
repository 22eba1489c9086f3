"""The handshake: what the application is told, and what answers the client."""

import asyncio

import pytest

from tests.server_protocol.serving import Echo, joined, serving
from tests.servers.raw import TEXT, frame, raw


def answering(*events, then=None):
    """An application that answers the handshake with these events."""
    seen = []

    async def application(scope, receive, send):
        seen.append(scope)
        seen.append(await receive())
        for event in events:
            await send(event)
        seen.append(await receive())

    application.seen = seen
    return application


async def test_the_scope(protocol):
    """Is what the ASGI specification has for a WebSocket, with the lifespan's state."""
    states = []

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["started"] = "yes"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        states.append(scope)
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "b"})

    async with (
        serving(
            application, protocol=protocol, lifespan="on", root_path="/root"
        ) as served,
        raw(served) as client,
    ):
        target = "/caf%C3%A9/a%2Fb?x=%20&y"
        subprotocols = {"Sec_WebSocket_Protocol": "a, b", "X_Odd": "caf\u00e9"}
        await client.send(client.handshake(target, **subprotocols))
        response = await client.response()
        ours = client.writer.get_extra_info("sockname")
        port = served.port

    (scope,) = states
    extensions = scope.pop("extensions")
    headers = scope.pop("headers")
    asgi = scope.pop("asgi")
    assert scope == {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": "ws",
        "server": ("127.0.0.1", port),
        "client": ours,
        "root_path": "/root",
        "path": "/root/caf\u00e9/a/b",
        "raw_path": b"/root/caf%C3%A9/a%2Fb",
        "query_string": b"x=%20&y",
        "subprotocols": ["a", "b"],
        "state": {"started": "yes"},
    }
    assert asgi == {"version": "3.0", "spec_version": "2.4"}
    assert extensions["websocket.http.response"] == {}
    assert (b"sec-websocket-protocol", b"a, b") in headers
    assert (b"x-odd", b"caf\xe9") in headers
    assert [name for name, _ in headers] == [name.lower() for name, _ in headers]
    assert response.status == 101
    assert response.headers["sec-websocket-protocol"] == "b"


async def test_the_answer_to_the_key(protocol):
    """RFC 6455, 1.3, has this example."""
    async with serving(Echo(), protocol=protocol) as served, raw(served) as client:
        key = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        await client.send(client.handshake("/", **key))
        response = await client.response()

    assert response.status == 101
    assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert response.headers["upgrade"].lower() == "websocket"
    assert response.headers["connection"].lower() == "upgrade"


async def test_headers_of_the_acceptance(protocol):
    """The application's, and the server's own as configured."""
    accept = {
        "type": "websocket.accept",
        "headers": [(b"x-mine", b"caf\xe9"), (b"set-cookie", b"a=1")],
    }
    application = answering(accept)
    async with (
        serving(application, protocol=protocol, headers=[("X-All", "yes")]) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        response = await client.response()

    assert response.status == 101
    assert response.headers["x-mine"] == "caf\u00e9"
    assert response.headers["set-cookie"] == "a=1"
    assert response.headers["x-all"] == "yes"
    assert response.headers["server"] == "uvicorn"
    assert "sec-websocket-extensions" not in response.headers


async def test_compression_is_not_agreed_to():
    """However much a client asks for it; a compressed frame is a reserved bit."""
    async with serving(Echo()) as served, raw(served) as client:
        offer = {"Sec_WebSocket_Extensions": "permessage-deflate"}
        await client.send(client.handshake("/", **offer))
        response = await client.response()
        await client.send(frame(TEXT, b"\xf2H\xcd\xc9\xc9\x07\x00", rsv=4))

        assert response.status == 101
        assert "sec-websocket-extensions" not in response.headers
        assert await client.close_code() == 1002


async def test_firefox_says_keep_alive_too(protocol):
    """`Connection` may list more than `Upgrade`."""
    async with serving(Echo(), protocol=protocol) as served, raw(served) as client:
        await client.send(client.handshake("/", Connection="keep-alive, Upgrade"))

        assert (await client.response()).status == 101


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Key": "YQ=="}, 400),
        ({"Sec_WebSocket_Key": "!" * 24}, 400),
        ({"Sec_WebSocket_Version": ""}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Version": "13, 8"}, 426),
        ({"Upgrade": "websocket, h2c"}, None),
    ],
    ids=str,
)
async def test_handshakes_that_are_none(protocol, on, headers, status):
    """4.2.1: 400, or 426 with the version that is spoken; no application runs."""
    echo = Echo()
    async with serving(echo, protocol=protocol) as served, raw(served) as client:
        await client.send(client.handshake("/", **headers))
        response = await client.response()
        if status is not None:
            body = await client.rest()

    if status is None:
        # uvicorn's HTTP class takes it for a request.
        assert response.status == 500
        return
    assert response.status == on(ours=status, uvicorn=400)
    assert b"Failed to open a WebSocket connection" in body
    assert len(body) == int(response.headers["content-length"])
    if response.status == 426:
        assert response.headers["sec-websocket-version"] == "13"
    assert echo.events == []


async def test_a_second_key(protocol):
    """4.2.1: one Sec-WebSocket-Key; 400 otherwise."""
    async with serving(Echo(), protocol=protocol) as served, raw(served) as client:
        request = client.handshake("/").replace(
            b"\r\n\r\n", b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await client.send(request)

        assert (await client.response()).status == 400


async def test_a_close_before_the_acceptance(protocol):
    """Is 403; then the application is told of the end with 1006."""
    application = answering({"type": "websocket.close", "code": 4000})
    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        response = await client.response()
        await client.rest()
        await served.until(lambda: len(application.seen) == 3)

    assert response.status == 403
    assert response.headers["connection"] == "close"
    assert application.seen[2]["code"] == 1006


async def test_a_denial_with_a_body_in_parts(protocol):
    """`websocket.http.response` is sent as it is, with the length of the whole."""
    application = answering(
        {
            "type": "websocket.http.response.start",
            "status": 418,
            "headers": [(b"content-type", b"text/tea"), (b"x-pot", b"small")],
        },
        {"type": "websocket.http.response.body", "body": b"short ", "more_body": True},
        {"type": "websocket.http.response.body", "body": b"and stout"},
    )
    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        response = await client.response()
        body = await client.rest()
        await served.until(lambda: len(application.seen) == 3)

    assert response.status == 418
    assert body == b"short and stout"
    assert response.headers["content-length"] == "15"
    assert response.headers["content-type"] == "text/tea"
    assert response.headers["x-pot"] == "small"
    assert response.headers["connection"] == "close"
    assert "date" in response.headers
    assert application.seen[2]["code"] == 1006


async def test_a_denial_without_a_body_of_its_own(protocol):
    """An empty one, with a status that has no name."""
    application = answering(
        {"type": "websocket.http.response.start", "status": 499, "headers": []},
        {"type": "websocket.http.response.body", "body": b""},
    )
    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        response = await client.response()

        assert await client.rest() == b""
    assert response.status == 499
    assert response.headers["content-length"] == "0"


@pytest.mark.parametrize("status", [99, 600, 1000])
async def test_a_denial_with_no_status_of_http(protocol, status, caplog):
    """Is the application's error: 500 for the client."""
    application = answering(
        {"type": "websocket.http.response.start", "status": status, "headers": []}
    )
    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))

        assert (await client.response()).status == 500
        await client.rest()
    assert f"Invalid HTTP status code '{status}'" in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-a", b"b\r\nset-cookie: evil=1"),
        (b"x-a\r\nset-cookie", b"evil=1"),
        (b"", b"x"),
        (b"x a", b"x"),
    ],
)
@pytest.mark.parametrize("is_denial", [False, True])
async def test_headers_that_would_break_the_response(name, value, is_denial, caplog):
    """Raise RuntimeError in the application; nothing of them reaches the client."""
    kind = "websocket.http.response.start" if is_denial else "websocket.accept"
    application = answering({"type": kind, "status": 400, "headers": [(name, value)]})
    async with serving(application) as served, raw(served) as client:
        await client.send(client.handshake("/"))
        response = await client.response()
        await client.rest()

    assert response.status == 500
    assert "set-cookie" not in response.headers
    assert "Invalid HTTP header" in caplog.text


async def test_a_subprotocol_that_would_break_the_response():
    """The same."""
    application = answering(
        {"type": "websocket.accept", "subprotocol": "a\r\nset-cookie: evil=1"}
    )
    async with serving(application) as served, raw(served) as client:
        await client.send(client.handshake("/"))
        response = await client.response()

    assert response.status == 500
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "event", ["websocket.send", "websocket.http.response.body", "websocket.nonsense"]
)
async def test_events_that_do_not_answer_a_handshake(protocol, event, caplog):
    """RuntimeError for the application, 500 for the client."""
    application = answering({"type": event, "text": "a", "body": b"a"})
    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        response = await client.response()

        assert await client.rest() == b"Internal Server Error"
    assert response.status == 500
    assert f"but got '{event}'" in caplog.text


@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_an_application_that_does_not_answer(protocol, how, caplog):
    """500, and a log line; no word of the error for the client."""

    async def application(scope, receive, send):
        await receive()
        if how == "raises":
            raise ValueError("a secret")

    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        response = await client.response()
        body = await client.rest()

    assert response.status == 500
    assert body == b"Internal Server Error"
    expected = "a secret" if how == "raises" else "without completing handshake"
    assert expected in caplog.text


async def test_a_denial_that_is_never_finished(on, protocol, caplog):
    """500: nothing was sent yet. (uvicorn's class ends the connection.)"""
    start = {"type": "websocket.http.response.start", "status": 401, "headers": []}

    async def application(scope, receive, send):
        await receive()
        await send(start)

    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        data = await client.rest()

    assert data.startswith(on(ours=b"HTTP/1.1 500", uvicorn=b""))
    assert "without completing handshake" in caplog.text


async def test_a_client_that_leaves_before_the_answer(protocol):
    """The application is told with 1006; what it sends then raises OSError."""
    raised = []
    received = []

    async def application(scope, receive, send):
        await receive()
        received.append(await receive())
        try:
            await send({"type": "websocket.accept"})
        except OSError as error:
            raised.append(error)

    async with (
        serving(application, protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/"))
        await served.until(lambda: served.tasks)
        client.writer.transport.abort()
        await served.until(lambda: raised)

    assert received[0]["type"] == "websocket.disconnect"
    assert received[0]["code"] == 1006


async def test_proxy_headers(protocol):
    """`X-Forwarded-For` and `-Proto` of a trusted proxy are the client's."""
    scopes = []

    async def application(scope, receive, send):
        scopes.append(scope)
        await receive()
        await send({"type": "websocket.close"})

    for trusted in ("127.0.0.1", "10.0.0.1"):
        async with (
            serving(
                application,
                protocol=protocol,
                proxy_headers=True,
                forwarded_allow_ips=trusted,
            ) as served,
            raw(served) as client,
        ):
            forwarded = {
                "X_Forwarded_For": "192.0.2.7",
                "X_Forwarded_Proto": "https",
            }
            await client.send(client.handshake("/", **forwarded))
            await client.rest()

    assert (scopes[0]["scheme"], scopes[0]["client"][0]) == ("wss", "192.0.2.7")
    assert (scopes[1]["scheme"], scopes[1]["client"][0]) == ("ws", "127.0.0.1")


async def test_the_log_of_a_handshake(protocol, caplog):
    """One line of uvicorn's: accepted, or the status."""
    caplog.set_level("INFO", logger="uvicorn.error")
    deny = {"type": "websocket.close"}
    async with (
        serving(answering(deny), protocol=protocol) as served,
        raw(served) as client,
    ):
        await client.send(client.handshake("/denied?x=1"))
        await client.rest()
    async with (
        serving(Echo(), protocol=protocol) as served,
        joined(served, "/caf%C3%A9"),
    ):
        pass

    lines = [r.getMessage() for r in caplog.records if "WebSocket /" in r.getMessage()]
    denied, accepted = lines
    assert denied.endswith('- "WebSocket /denied?x=1" 403')
    assert accepted.endswith('- "WebSocket /caf%C3%A9" [accepted]')


async def test_a_unix_socket(tmp_path):
    """Has no port, no address, and no options of TCP."""
    echo = Echo()
    path = str(tmp_path / "socket")
    async with serving(echo, uds=path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(TEXT, b"hi"))

        assert head.startswith(b"HTTP/1.1 101 ")
        assert await reader.readexactly(4) == b"\x81\x02hi"
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
