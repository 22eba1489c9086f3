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
from django.core.exceptions import ImproperlyConfigured

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger("partyrooms.asgi")


def get_asgi_application(websocket: ASGIApp | None = None) -> "Application":
    """
    Set Django up and make its ASGI application.

    Args:
        websocket: The project's own ASGI application for WebSockets that lead to no
            room, as a Channels ``URLRouter``. What it has no route for, ``on_socket``
            of the party ``main`` gets; without that it is denied with 404.

    Raises:
        ImproperlyConfigured: If ``PARTYROOMS`` is wrong; the text says how to mend it.
    """
    django.setup(set_prefix=False)
    _require_right_settings()
    return Application(websocket)


def _require_right_settings() -> None:
    # A server that is started directly runs no system checks.
    from partyrooms.checks.options import wrong_settings

    for found in wrong_settings():
        if not found.is_silenced():
            raise ImproperlyConfigured(f"{found.msg} {found.hint} ({found.id})")


class Application:
    """Shares what a server brings between Django, its rooms, and the project's own."""

    def __init__(self, websocket: ASGIApp | None = None) -> None:
        # They import models, which takes the setup above.
        from partyrooms.routing import RoomSockets
        from partyrooms.web.http.handler import RoomHandler

        sockets = RoomSockets()
        self._http = RoomHandler()
        self._rooms, self._lobby = sockets.rooms, sockets.lobby
        self._websocket = websocket
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """
        Serve one request, one socket, or the server's own life.

        Raises:
            ValueError: If the server brings something else.
        """
        from partyrooms.server.host import serve_here
        from partyrooms.web.http.address import leads_to_room

        if self._loop is not asyncio.get_running_loop():
            self._loop = serve_here()
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket" if leads_to_room(scope):
                await self._rooms(scope, receive, send)
            case "websocket":
                own = self._websocket
                if own is None or not await is_served(own, scope, receive, send):
                    await self._lobby(scope, receive, send)
            case "lifespan":
                await live(receive, send)
            case other:
                raise ValueError(f"{other!r} is no protocol that is served here.")


async def is_served(application: ASGIApp, scope: Any, receive: Any, send: Any) -> bool:
    """
    Have the project's own application serve a WebSocket.

    Returns:
        False: it has no route for this path, and has touched nothing.
    """
    is_touched = False

    async def take() -> Any:
        nonlocal is_touched
        is_touched = True
        return await receive()

    async def put(event: Any) -> None:
        nonlocal is_touched
        is_touched = True
        await send(event)

    try:
        await application(scope, take, put)
    except ValueError as error:
        # What Channels' URLRouter raises; it has no class of its own.
        if is_touched or not str(error).startswith("No route found for path"):
            raise
        return False
    return True


async def live(receive: Any, send: Any) -> None:
    """Follow the server's life; when it ends, stop this event loop's rooms."""
    from partyrooms import registry
    from partyrooms.cluster.transport import shared_layer
    from partyrooms.conf import get_settings
    from partyrooms.server.departure import Departure
    from partyrooms.server.nodes import existing_node

    clockwork: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            Departure().install()
            layer = shared_layer(get_settings().channel_layer)
            if registry.needs_time() or layer is not None:
                # Alarms wake rooms in this process, and others place rooms in it, also
                # if no client ever asks for one here.
                clockwork = asyncio.create_task(_keep_node())
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


async def _keep_node() -> None:
    from partyrooms.server.start import keep_node

    try:
        await keep_node()
    except Exception:
        logger.exception(
            "No room runs here, and no alarm rings, before the first event of a room",
            extra={"action": "node_failed"},
        )
