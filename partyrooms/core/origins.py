"""
Whether a page may open a socket here.

Browsers let any page open a WebSocket to any site and send that site's cookies along;
neither CORS nor CSRF tokens stop it. The Origin header tells which page it is.
"""

import re
from collections.abc import Collection
from functools import lru_cache

ANY = "*"
"""Allows every origin; only on its own, never as a part of one."""

NULL = "null"
"""What a browser sends for a page that has no origin; any site can make one."""

FORMS = (
    "scheme://host or scheme://host:port without a path, as in https://example.com; "
    "https://*.example.com for its subdomains, http://localhost:* for any port, null, "
    'file://, another scheme as in capacitor://localhost; or "*" on its own'
)
"""How an allowed origin is written."""

_ALLOWED = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:(?P<below>\*\.)?(?P<host>\[[0-9a-f:.]+\]|[^\s\x00-\x20/?#@:\[\]*\\]+|\*)"
    r"(?::(?P<port>[0-9]{1,5}|\*))?)?",
    re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SHARED = frozenset(
    (
        *("amplifyapp.com", "appspot.com", "azurestaticapps.net", "azurewebsites.net"),
        *("cloudfront.net", "co.uk", "com.au", "firebaseapp.com", "fly.dev"),
        *("github.io", "gitlab.io", "herokuapp.com", "netlify.app", "ngrok-free.app"),
        *("onrender.com", "pages.dev", "surge.sh", "vercel.app", "web.app"),
        "workers.dev",
    )
)
"""Where anyone gets a subdomain; the best known, not all."""


def is_allowed(
    origin: str | None, *, own: str, allowed: Collection[str], has_cookies: bool
) -> bool:
    """
    Decide a handshake by its Origin header.

    Args:
        origin: The header as sent; None: there was none, so it is no browser's.
        own: The origin of the site itself.
        allowed: Further origins, as ``FORMS`` says. One that is malformed allows
            nothing.
        has_cookies: Whether the handshake carries cookies. Without an origin it may
            not: nobody can tell on whose behalf they were sent.
    """
    if ANY in allowed:
        return True
    if origin is None:
        return not has_cookies
    return any(_matches(one, origin) for one in (own, *allowed))


def require_form(allowed: str) -> None:
    """
    Look at how an allowed origin is written.

    Raises:
        ValueError: If it is none; the text says what one looks like.
    """
    if allowed != ANY:
        _pattern(allowed)


def too_wide(allowed: str) -> str:
    """Why an allowed origin lets in pages of strangers; empty: it does not."""
    if allowed == ANY:
        return "every page of the web may open sockets with your users' cookies"
    if allowed == NULL:
        return "any site can make a page without an origin, in a sandboxed frame"
    match = _ALLOWED.fullmatch(allowed.lower())
    if match is None:
        return ""
    if match["host"] == "*":
        return "everything that has this scheme may connect, as all extensions have"
    if match["below"] and ("." not in match["host"] or match["host"] in _SHARED):
        return f"anyone can have a subdomain of {match['host']}"
    return ""


def _matches(allowed: str, origin: str) -> bool:
    try:
        return _pattern(allowed).fullmatch(origin) is not None
    except ValueError:
        return False


@lru_cache(maxsize=1000)
def _pattern(allowed: str) -> re.Pattern[str]:
    if allowed == NULL:
        return re.compile(NULL)
    match = _ALLOWED.fullmatch(allowed.lower())
    has_site = match is not None and match["scheme"] in _DEFAULT_PORTS
    if match is None or (has_site and match["host"] in (None, "*")):
        raise ValueError(f"{allowed!r:.200} is no origin; write {FORMS}.")
    scheme, host, port = match["scheme"], match["host"] or "", match["port"]
    below = r"(?:[a-z0-9_-]+\.)+" if match["below"] else ""
    name = r"[^\s/?#@:]+" if host == "*" else re.escape(host)
    if port == "*":
        suffix = r"(?::[0-9]{1,5})?"
    elif port is None or port == _DEFAULT_PORTS.get(scheme):
        default = _DEFAULT_PORTS.get(scheme)
        suffix = f"(?::{default})?" if default else ""
    else:
        suffix = f":{int(port)}"
    expression = f"{re.escape(scheme)}://{below}{name}{suffix}"
    return re.compile(expression, re.IGNORECASE | re.ASCII)
