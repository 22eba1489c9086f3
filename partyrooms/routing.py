"""
For a project that composes its own ``ProtocolTypeRouter`` of Channels.

Most projects need none: ``partyrooms.asgi.get_asgi_application(websocket=...)`` serves
rooms and hands every other WebSocket to the project's application. Otherwise::

    from partyrooms.asgi import get_asgi_application

    http = get_asgi_application()  # first: it sets Django up

    from channels.routing import ProtocolTypeRouter, URLRouter
    from partyrooms.routing import websocket_urlpatterns

    application = ProtocolTypeRouter({
        "http": http,
        "lifespan": http,
        "websocket": URLRouter([*websocket_urlpatterns, *my_own_patterns]),
    })

For ``on_socket`` of the party ``main`` put ``re_path("", websocket_application)``
after all patterns.

Sessions, users and the check of the origin are part of the rooms' application: wrap
only your own patterns in ``AuthMiddlewareStack`` and the like. The room is
found by the URLs of ``ROOT_URLCONF``, not by the pattern that led here.
"""

from functools import cached_property
from typing import Any

from django.urls import Resolver404, URLPattern, re_path

from partyrooms.web.http.address import leads_to_room


class RoomSockets:
    """The ASGI application of WebSockets: rooms, else ``on_socket``, else 404."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket."""
        application = self.rooms if leads_to_room(scope) else self.lobby
        await application(scope, receive, send)

    @cached_property
    def rooms(self) -> Any:
        """Those whose path leads to a room."""
        from partyrooms.web.sockets.consumer import Gateway
        from partyrooms.web.sockets.handshake import Handshake

        return Handshake(Gateway.as_asgi())

    @cached_property
    def lobby(self) -> Any:
        """All others."""
        from partyrooms.web.sockets.lobby_handshake import LobbySockets

        return LobbySockets()


websocket_application = RoomSockets()
"""All rooms, wherever ``partyrooms.urls`` is mounted."""


async def serve_rooms(scope: Any, receive: Any, send: Any) -> None:
    """
    Serve a socket, if its path leads to a room.

    Raises:
        Resolver404: If not; nothing was touched, and a ``URLRouter`` goes on with its
            next pattern.
    """
    if not leads_to_room(scope):
        raise Resolver404(f"{scope['path']!r} leads to no room.")
    await websocket_application.rooms(scope, receive, send)


websocket_urlpatterns: list[URLPattern] = [re_path("", serve_rooms)]  # type: ignore[arg-type]
"""For Channels' ``URLRouter``; put them before patterns that match more."""
