"""The lean way of HTTP requests to rooms; every other URL goes Django's own way."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler

from partyrooms.http.address import leads_to_room
from partyrooms.http.body import read_body
from partyrooms.http.lifetime import RequestLifetime
from partyrooms.http.on_loop import middleware_setting, on_loop


class RoomHandler(ASGIHandler):
    """
    Django's handler, with the same middleware chain and URLs for both ways.

    The lean way differs in four points: no thread but for sync code, a bounded body,
    no task that listens for the client to leave, and so no view that is cancelled.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Load ``MIDDLEWARE``, Django's own in the form that can do without threads."""
        with middleware_setting(on_loop(settings.MIDDLEWARE)):
            super().load_middleware(is_async)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request."""
        if leads_to_room(scope):
            await self.handle_lean(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def handle_lean(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request to a room."""
        try:
            body: Any = await read_body(scope, receive)
        except RequestAborted:
            return
        async with RequestLifetime(type(self), scope) as lifetime:
            request: Any
            response: Any
            request, response = self.create_request(scope, body)
            if request is not None:
                request.is_lean = True
                response = await self.run_get_response(request)
            if scope["method"] == "HEAD" and not response.streaming:
                # The length is what a GET would have; a body would break keep-alive.
                length = len(response.content)
                response.headers.setdefault("Content-Length", str(length))
                response.content = b""
            try:
                await self.send_response(response, send)
            finally:
                await lifetime.close(response)
