"""
Whether a page may open a socket here.

Browsers let any page open a WebSocket to any site and send that site's cookies along;
neither CORS nor CSRF tokens stop it. The Origin header tells which page it is.
"""

import re
from collections.abc import Collection

ANY = "*"
"""Allows every origin; only on its own, never as a part of one."""

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[^\s\x00-\x20/?#@:\[\]*\\]+)"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def normalise(origin: str) -> str:
    """
    Bring an origin to its one form: lower case, no default port.

    Raises:
        ValueError: If it is not scheme://host[:port]; the text says so.
    """
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        raise ValueError(
            f"{origin!r:.200} is no origin; write scheme://host or scheme://host:port "
            f'without a path, as in https://example.com, or "{ANY}" on its own.'
        )
    scheme, host, port = match["scheme"], match["host"], match["port"]
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


def is_allowed(
    origin: str | None, *, own: str, allowed: Collection[str], has_cookies: bool
) -> bool:
    """
    Decide a handshake by its Origin header.

    Args:
        origin: The header as sent; None: there was none, so it is no browser's.
        own: The origin of the site itself.
        allowed: Further origins. One that is malformed allows nothing.
        has_cookies: Whether the handshake carries cookies. Without an origin it may
            not: nobody can tell on whose behalf they were sent.
    """
    if ANY in allowed:
        return True
    if origin is None:
        return not has_cookies
    known = {_normalised(own), *map(_normalised, allowed)} - {None}
    return _normalised(origin) in known


def _normalised(origin: str) -> str | None:
    try:
        return normalise(origin)
    except ValueError:
        return None
