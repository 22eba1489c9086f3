"""Denies a handshake: with an HTTP response, or with a close code."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from partyrooms.core.validation import MAX_REASON_SIZE
from partyrooms.delivery.responses import json_error
from partyrooms.ports.sockets import Closing

Send = Callable[[dict[str, Any]], Awaitable[None]]

GOODBYE_TIME = 1.0
"""Seconds that the close of a cancelled socket may take to be sent."""

# They describe how a body travels, which the server decides.
_HOP_HEADERS = frozenset({b"connection", b"transfer-encoding", b"upgrade"})


async def deny(
    scope: Mapping[str, Any], send: Send, response: HttpResponseBase
) -> None:
    """
    Answer a handshake with an HTTP response; the socket never opens.

    The client sees status, headers and body where the server has the ASGI extension
    for it (uvicorn, hypercorn, granian), elsewhere a bare 403 (Daphne). A client that
    has left is no error. Call it once, before anything was sent.
    """
    try:
        if "websocket.http.response" in (scope.get("extensions") or {}):
            await _respond(send, response)
        else:
            await send({"type": "websocket.close", "code": 1008})
    except OSError:  # uvicorn raises a subclass of it once the client is gone
        return
    # uvicorn closes the transport in the loop's next turns, and logs an error for a
    # handshake that was answered by then only by its bytes, not yet by its state.
    for _ in range(3):
        await asyncio.sleep(0)


async def accept_and_close(
    scope: Mapping[str, Any],
    send: Send,
    code: int,
    reason: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    subprotocol: str | None = None,
) -> None:
    """
    Open the socket only to close it with a code, which a browser's script can see.

    A browser hides every answer to a handshake but this one. A client that has left in
    the meantime is no error. Call it once, before anything was sent.

    Args:
        code: 1000, 1001, 1008-1013 or 3000-4999.
        reason: Cut to 123 bytes of UTF-8. Daphne does not send it.
        headers: For the accepted handshake. Daphne does not send them.
        subprotocol: The one to select; a browser fails a handshake that selects none
            where it offered some.
    """
    try:
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": subprotocol,
                "headers": list(headers),
            }
        )
        await send(
            {"type": "websocket.close", "code": code, "reason": cut_reason(reason)}
        )
    except OSError:
        return


async def say_goodbye(send: Send, closing: Closing) -> None:
    """Close an open socket whose task was cancelled, if its client reads at once."""
    code, reason = closing
    with suppress(Exception):  # the server may have closed it meanwhile
        async with asyncio.timeout(GOODBYE_TIME):
            await send({"type": "websocket.close", "code": code, "reason": reason})


def not_found() -> HttpResponse:
    """The denial of a socket that leads nowhere."""
    return json_error(404, "Not found.")


def too_late(detail: str) -> HttpResponse:
    """The denial of a handshake that was not answered within ``CONNECT_TIMEOUT``."""
    return json_error(503, detail, {"Retry-After": "1"})


def cut_reason(reason: str) -> str:
    """As much of a reason as a close frame holds, whole characters only."""
    return reason.encode(errors="replace")[:MAX_REASON_SIZE].decode(errors="ignore")


def response_headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    """A response's headers and cookies as ASGI wants them: lower case, bytes."""
    headers = [
        (name.lower().encode("ascii"), value.encode("latin-1"))
        for name, value in response.items()
    ]
    headers += [
        (b"set-cookie", cookie.output(header="").strip().encode("ascii"))
        for cookie in response.cookies.values()
    ]
    return headers


async def collected(response: HttpResponseBase) -> HttpResponse:
    """
    The same response with its body in memory: a denial is sent at once.

    Args:
        response: A streaming one, to be closed by the caller. A sync iterator, such as
            a file's, is read in a thread.
    """
    parts: Any = response.streaming_content  # type: ignore[attr-defined]
    if response.is_async:  # type: ignore[attr-defined]
        body = b"".join([part async for part in parts])
    else:
        body = await sync_to_async(b"".join)(parts)
    plain = HttpResponse(body, status=response.status_code, headers=response.headers)
    plain.cookies = response.cookies
    return plain


async def _respond(send: Send, response: HttpResponseBase) -> None:
    if response.streaming:
        response = await collected(response)
    body: bytes = getattr(response, "content", b"")
    headers = [
        header
        for header in response_headers(response)
        if header[0] not in _HOP_HEADERS and header[0] != b"content-length"
    ]
    headers.append((b"content-length", b"%d" % len(body)))
    await send(
        {
            "type": "websocket.http.response.start",
            "status": response.status_code,
            "headers": headers,
        }
    )
    await send({"type": "websocket.http.response.body", "body": body})
