"""The check of CSRF tokens before hooks: a cookie alone does not prove intent."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from partyrooms.web.http.stock_middleware import configured

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")

# Browsers send these by themselves, also for a foreign page. Any other scheme is set
# by a script, which a foreign page's may not without CORS.
_SCHEMES_OF_BROWSERS = ("basic", "digest", "negotiate", "ntlm")


async def check_token(
    request: HttpRequest, hook: Callable[..., Any]
) -> HttpResponseBase | None:
    """
    Check the CSRF token, as Django does before a view, which is all that it protects.

    Args:
        request: Its body is read, if the token may be in a form.
        hook: ``csrf_exempt`` is for hooks as it is for views.

    Returns:
        The denial; None: the token is right, or none is needed.
    """
    if request.method in _SAFE_METHODS:
        return None  # without a thread
    for middleware in configured(CsrfViewMiddleware):
        check = sync_to_async(middleware.process_view)  # it may read a session
        denial: HttpResponseBase | None = await check(request, hook, (), {})
        if denial is not None:
            return denial
    return None


def may_be_forged(request: HttpRequest) -> bool:
    """Whether a foreign page can have a browser send a request with such headers."""
    if not request.META.get("HTTP_COOKIE"):
        return False
    scheme = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0]
    return not scheme or scheme.lower() in _SCHEMES_OF_BROWSERS
