"""The room that the doctor visits through the public address."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse

from partyrooms import registry
from partyrooms.api.room import Room
from partyrooms.conf import get_settings
from partyrooms.delivery.responses import json_error
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.runtime.connection import Connection

SALT = "partyrooms.doctor"

MAX_AGE = 300
"""Seconds that a visitor's token is good for."""

STREAM_TIME = 30
"""Seconds that an answer goes on behind its first piece."""


def token() -> str:
    """What a visitor shows: only who has the project's SECRET_KEY can make it."""
    return signing.dumps("visit", salt=SALT)


class Doctor(Room):
    """Tells a visitor with a token what arrives here; to all others it is not there."""

    party = "partyrooms-doctor"

    @classmethod
    def on_before_connect(cls, request: HttpRequest, lobby: Any) -> HttpResponse | None:
        """Let the token's holder in, with frames as large as any class takes them."""
        classes = map(registry.get, registry.names())
        sizes = [one.max_message_size or 0 for one in classes]
        cls.max_message_size = max(get_settings().max_message_size, *sizes, 0)
        return _examine(request)

    @classmethod
    def on_before_request(cls, request: HttpRequest, lobby: Any) -> HttpResponse | None:
        """The same for requests."""
        return _examine(request)

    async def on_connect(self, connection: Connection, ctx: ConnectionContext) -> None:
        """Say where this process believes to be, and what it takes."""
        origin = f"{ctx.request.scheme}://{ctx.request.get_host()}"
        connection.send_json({"origin": origin, "size": self.max_message_size})

    async def on_message(self, message: str | bytes, sender: Connection) -> None:
        """Say how much has come."""
        sender.send(str(len(message)))

    async def on_request(self, request: Any) -> str | AsyncIterator[str]:
        """Answer at once; ``/stream`` goes on for a while."""
        return _stream() if request.subpath == "/stream" else "no handshake"


async def _stream() -> AsyncIterator[str]:
    yield "begun\n"
    await asyncio.sleep(STREAM_TIME)


def _examine(request: HttpRequest) -> HttpResponse | None:
    try:
        signing.loads(request.GET.get("token", ""), salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return json_error(404, "There is no such room.")
    return None
