"""uvicorn's HTTP class, except that nothing behind a WebSocket handshake is lost."""

import sys

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Protocol(HttpToolsProtocol):
    """
    Hands on what a client has sent in one piece with its handshake.

    RFC 6455 (4.1) has clients wait for the answer. Of one that does not, uvicorn's own
    class drops the frames that came with the handshake and reads those that came later.
    """

    _piece = b""

    def data_received(self, data: bytes) -> None:
        self._piece = data
        try:
            super().data_received(data)
        finally:
            # An idle connection keeps none.
            self._piece = b""

    def handle_websocket_upgrade(self) -> None:
        """Give the connection to the WebSocket class, and what has come for it."""
        # It is called where this exception is handled, which says where the request
        # ends.
        upgrade = sys.exception()
        super().handle_websocket_upgrade()
        if isinstance(upgrade, httptools.HttpParserUpgrade):
            rest = self._piece[upgrade.args[0] :]
            protocol = self.transport.get_protocol()
            if rest and protocol is not self:
                protocol.data_received(rest)  # type: ignore[attr-defined]
