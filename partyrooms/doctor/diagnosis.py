"""What a visit means: pure."""

from collections.abc import Iterator

from partyrooms.doctor.finding import Finding
from partyrooms.doctor.visit import Handshake, Visit

NO_UPGRADE = frozenset({200, 204, 405, 426})
"""Statuses of an application that was asked for a page, not for a WebSocket."""

_STATUSES = {
    400: (
        "the server refuses its host",
        "Add the public host to ALLOWED_HOSTS; behind a proxy, have it pass the Host "
        "header on.",
    ),
    403: (
        "the server refuses it",
        "Read its log: each refusal has a line with the reason. A middleware that "
        "redirects (SECURE_SSL_REDIRECT without SECURE_PROXY_SSL_HEADER) does this.",
    ),
    404: (
        "no room is there",
        "Include partyrooms.urls, name its prefix in the address, and give the doctor "
        "the settings (SECRET_KEY) of the server. Where a proxy serves some paths "
        "only, add /party/ and /parties/.",
    ),
}


def diagnose(seen: Visit) -> Iterator[Finding]:
    """Say what is wrong with an address, as a visitor has seen it."""
    handshake = seen.with_origin
    if handshake.status == 101:
        yield from _diagnose_socket(seen.origin, handshake)
    else:
        yield _diagnose_refusal(seen, handshake)
    if seen.is_streamed is False:
        yield Finding(
            f"{seen.origin} holds an answer back until it is complete: streams and "
            "server-sent events come late, or never.",
            "Switch the proxy's buffering off for rooms; nginx: proxy_buffering off.",
        )
    if "daphne" in seen.server.lower():
        yield Finding(
            f"{seen.origin} is served by Daphne: it holds in memory, without a bound, "
            "what a slow client does not read, and cuts all sockets on a restart.",
            "Serve with `manage.py serve`, or uvicorn.",
        )


def _diagnose_refusal(seen: Visit, handshake: Handshake) -> Finding:
    where = f"A WebSocket to {seen.origin} does not open"
    other = seen.without_origin
    if handshake.status is None:
        return Finding(
            f"{where}: {handshake.error}.",
            "Is the server up, is its certificate good, and is this its address?",
        )
    if handshake.status in NO_UPGRADE:
        return Finding(
            f"{where}: the server gets a plain request, for the proxy does not pass "
            "Upgrade and Connection on.",
            "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
            'proxy_set_header Connection "upgrade".',
        )
    if other is not None and other.told is not None:
        return Finding(
            f"{where} for a page of this address: the server takes itself for "
            f"{other.told['origin']}, and the page's origin for a foreign one.",
            "Have the proxy pass the Host header on (or set USE_X_FORWARDED_HOST), and "
            "set SECURE_PROXY_SSL_HEADER where it ends TLS; or name the address in "
            "PARTYROOMS['ALLOWED_ORIGINS'].",
        )
    fault, remedy = _STATUSES.get(
        handshake.status,
        ("the server, or what is before it, fails", "Read the logs of both."),
    )
    return Finding(f"{where}: {fault} ({handshake.status}).", remedy)


def _diagnose_socket(origin: str, handshake: Handshake) -> Iterator[Finding]:
    if "deflate" in handshake.extensions:
        yield Finding(
            f"{origin} compresses each message: a broadcast is then compressed again "
            "for every client.",
            "Serve with `manage.py serve`, or --ws-per-message-deflate false.",
        )
    if handshake.told is None:
        yield Finding(
            f"A WebSocket to {origin} opens, but its room cannot be reached: "
            f"{handshake.frame_error}.",
            "Read the server's log: the process that has the room is out of reach, or "
            "the database is.",
        )
    elif handshake.frame_error:
        yield Finding(
            f"{origin} does not let a frame of {handshake.told['size']} bytes through, "
            f"which a room would take: {handshake.frame_error}.",
            "Raise the limit of the server (uvicorn: --ws-max-size; `manage.py serve` "
            "does) or of the proxy, or lower max_message_size.",
        )
