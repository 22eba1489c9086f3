"""
The ASGI application of a project: Django, with rooms in it.

In the project's ``asgi.py``::

    from partyrooms.asgi import get_asgi_application

    application = get_asgi_application()
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import django

from partyrooms.gateway.denial import deny

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger("partyrooms.asgi")


def get_asgi_application(websocket: ASGIApp | None = None) -> "Application":
    """
    Set Django up and make its ASGI application.

    Args:
        websocket: The project's own ASGI application for WebSockets that lead to no
            room, as a Channels ``URLRouter``; None: they are denied with 404.
    """
    django.setup(set_prefix=False)
    return Application(websocket)


class Application:
    """Shares what a server brings between Django, its rooms, and the project's own."""

    def __init__(self, websocket: ASGIApp | None = None) -> None:
        # They import models, which takes the setup above.
        from partyrooms.gateway.consumer import Gateway
        from partyrooms.gateway.handshake import Handshake
        from partyrooms.http.handler import RoomHandler

        self._http = RoomHandler()
        self._rooms = Handshake(Gateway.as_asgi())
        self._websocket = websocket or refuse_socket

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """
        Serve one request, one socket, or the server's own life.

        Raises:
            ValueError: If the server brings something else.
        """
        from partyrooms.http.address import leads_to_room

        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket" if leads_to_room(scope):
                await self._rooms(scope, receive, send)
            case "websocket":
                await self._websocket(scope, receive, send)
            case "lifespan":
                await live(receive, send)
            case other:
                raise ValueError(f"{other!r} is no protocol that is served here.")


async def refuse_socket(scope: Any, receive: Any, send: Any) -> None:
    """Deny a WebSocket that leads nowhere with 404."""
    from partyrooms.responses import json_error

    await receive()
    await deny(scope, send, json_error(404, "Not found."))


async def live(receive: Any, send: Any) -> None:
    """Follow the server's life; when it ends, stop this event loop's rooms."""
    from partyrooms import registry
    from partyrooms.departure import Departure
    from partyrooms.owner.node import existing_node

    clockwork: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            Departure().install()
            if registry.needs_time():
                # Rooms are to be woken, though nobody may ever ask for one here.
                clockwork = asyncio.create_task(_keep_time())
            await send({"type": "lifespan.startup.complete"})
            continue
        if clockwork is not None:
            clockwork.cancel()
            await asyncio.wait([clockwork])
        node = existing_node()
        try:
            if node is not None:
                await node.close()
        except Exception:
            logger.exception(
                "The rooms of this process did not stop in order",
                extra={"action": "shutdown_failed"},
            )
            await send({"type": "lifespan.shutdown.failed"})
            return
        await send({"type": "lifespan.shutdown.complete"})
        return


async def _keep_time() -> None:
    from partyrooms.owner.node import keep_node

    try:
        await keep_node()
    except Exception:
        logger.exception(
            "Alarms do not ring before the first event of a room",
            extra={"action": "node_failed"},
        )
