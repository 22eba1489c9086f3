"""
A WebSocket class for uvicorn, for any ASGI application, on picows.

    uvicorn mysite.asgi:application --ws partyrooms.server.websockets:Protocol

It does what uvicorn's own class does, in less time, and offers applications a direct
way to their sockets (``partyrooms.server.websocket_direct``). Without picows, or with
a picows that was not tested, ``Protocol`` is uvicorn's own class.
"""

import asyncio
import logging
from collections.abc import Callable

from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

logger = logging.getLogger("partyrooms.server")

__all__ = ["Protocol"]


def _choose() -> Callable[..., asyncio.BaseProtocol] | None:
    try:
        from partyrooms.server.websocket_protocol import PicowsProtocol
    except ImportError as error:
        logger.warning(
            "WebSockets are served by uvicorn's own class (%s): "
            'pip install "partyrooms[fast]" brings the faster one',
            error,
            extra={"action": "slow_websockets"},
        )
        return AutoWebSocketsProtocol
    return PicowsProtocol


Protocol = _choose()
"""What uvicorn's option ``--ws`` names; None if nothing can serve WebSockets."""
