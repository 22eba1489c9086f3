"""What uvicorn makes for each WebSocket handshake."""

import asyncio
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from partyrooms.server.websocket_direct import EXTENSION, DirectSocket
from partyrooms.server.websocket_handshake import BadHandshake, read_handshake
from partyrooms.server.websocket_session import Session, internal_server_error
from partyrooms.server.websocket_socket import Socket


class PicowsProtocol(asyncio.Protocol):
    """
    Takes a handshake from uvicorn and gives it to the application.

    The transport is the ``Socket``'s once the application has accepted. Per-message
    compression is never agreed to.

    Args:
        config: The server's; its ``ws_max_size``, ``ws_max_queue``,
            ``ws_ping_interval`` and ``ws_ping_timeout`` hold here.
        server_state: What its connections share.
        app_state: What the application's lifespan has left.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        # uvicorn types what is in this set by its own classes.
        self._connections = cast(set[Any], server_state.connections)
        self._loop = _loop or asyncio.get_running_loop()
        self._has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._socket = Socket(
            self._transport,
            max_size=self._config.ws_max_size,
            max_messages=self._config.ws_max_queue,
            ping_interval=self._config.ws_ping_interval,
            ping_timeout=self._config.ws_ping_timeout,
            on_open=self._opened,
            on_lost=self._connections.discard,
        )

    def data_received(self, data: bytes) -> None:
        """Take the request, which uvicorn has read already, then what comes early."""
        if self._has_begun:
            self._socket.came_early(data)
        else:
            self._has_begun = True
            self._begin(data)

    def eof_received(self) -> None:
        # The transport closes itself.
        pass

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._socket.lost()

    def shutdown(self) -> None:
        """End the handshake, for the server stops."""
        self._socket.refuse(internal_server_error())

    def _opened(self, socket: Socket) -> None:
        self._connections.discard(self)
        self._connections.add(socket)

    def _begin(self, head: bytes) -> None:
        try:
            handshake = read_handshake(head)
        except BadHandshake as error:
            self._socket.refuse(error.response)
            return
        direct: DirectSocket = self._socket
        scope = {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            **handshake.scope(self._config.root_path),
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, EXTENSION: direct},
        }
        session = Session(
            cast(Any, self._config.loaded_app),
            scope,
            self._socket,
            key=handshake.key,
            default_headers=self._server_state.default_headers,
        )
        task = self._loop.create_task(session.run())
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)
