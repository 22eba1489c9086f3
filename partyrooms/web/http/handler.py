"""The lean way of HTTP requests to rooms; every other URL goes Django's own way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch

from partyrooms.delivery.internals import middleware_setting
from partyrooms.exceptions import StreamBroken
from partyrooms.web.http.address import leads_to_room, resolved
from partyrooms.web.http.body import read_body
from partyrooms.web.http.lifetime import RequestLifetime
from partyrooms.web.http.on_loop import on_loop


class RoomHandler(ASGIHandler):
    """
    Django's handler, with the same middleware chain and URLs for both ways.

    The lean way differs in four points: no thread but for sync code, a bounded body,
    no task that listens for the client to leave before a response is streamed, and so
    no view that is cancelled.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Load ``MIDDLEWARE``, Django's own in the form that can do without threads."""
        with middleware_setting(on_loop(settings.MIDDLEWARE)):
            super().load_middleware(is_async)

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Take the match that the choice of the way has found."""
        match = request.resolver_match = resolved(request)
        return match or super().resolve_request(request)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """
        Serve a request, inside of Django's own ``__call__``.

        Error trackers and tracers hook into that, for every subclass.
        """
        if leads_to_room(scope):
            await self.serve_lean(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    async def serve_lean(self, scope: Any, receive: Any, send: Any) -> None:
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
            if scope["method"] == "HEAD":
                _drop_body(response)
            try:
                if response.streaming:
                    await self.send_stream(response, scope, receive, send)
                else:
                    await self.send_response(response, send)
            finally:
                await lifetime.close(response)

    async def send_stream(
        self, response: Any, scope: Any, receive: Any, send: Any
    ) -> None:
        """Send a streamed response until it ends or the client disconnects."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except StreamBroken:
            # Without a last chunk the server cuts the connection, and the client
            # notices that it is incomplete. But Daphne, which gives no version, would
            # keep it open.
            if "spec_version" not in (scope.get("asgi") or {}):
                await send({"type": "http.response.body"})
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.wait({sending, leaving})


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _drop_body(response: Any) -> None:
    """Leave a response to HEAD without a body, which would break keep-alive."""
    if response.streaming:
        response.streaming_content = _nothing()
        return
    length = len(response.content)  # what a GET would have
    response.headers.setdefault("Content-Length", str(length))
    response.content = b""


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield
