"""``on_fetch`` of the party ``main``: HTTP requests that no URL matched."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.locale import LocaleMiddleware
from django.urls import Resolver404, resolve
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from partyrooms import usercode
from partyrooms.api.lobby import main_hook, main_lobby
from partyrooms.core.frames import Answer
from partyrooms.delivery.responses import (
    Refusal,
    error_answer,
    plain_response,
    set_headers,
    to_answer,
)
from partyrooms.exceptions import Reject
from partyrooms.web.http.address import host_of, unknown_host
from partyrooms.web.http.csrf import check_token
from partyrooms.web.http.handshake_request import HandshakeRequest
from partyrooms.web.http.stock_middleware import configured

Hook = Callable[..., Any]

_ALLOWED = (
    "None, django.http.HttpResponse (also StreamingHttpResponse), "
    "rest_framework.response.Response, dict, list, str or bytes"
)


async def answer_unmatched(
    request: HttpRequest, response: HttpResponseBase
) -> HttpResponseBase:
    """
    Let the hook answer, if a response says only that no URL matched.

    What the hook raises goes Django's way, as of a view.

    Args:
        request: Django's, after everything that the project's middleware does.
        response: What the rest of the project made of it.

    Returns:
        The same response, if there is no hook, a URL matched, Django is about to send
        the client elsewhere, or the hook returned None.
    """
    hook = _hook_for(request, response)
    return response if hook is None else await _answer(hook, request, response)


def answer_unmatched_in_thread(
    request: HttpRequest, response: HttpResponseBase
) -> HttpResponseBase:
    """The same in sync code; it goes to an event loop only if the hook is to answer."""
    hook = _hook_for(request, response)
    if hook is None:
        return response
    return async_to_sync(_answer)(hook, request, response)


def _hook_for(request: HttpRequest, response: HttpResponseBase) -> Hook | None:
    if response.status_code != 404 or request.resolver_match is not None:
        return None
    hook = main_hook("on_fetch")
    if hook is None or isinstance(request, HandshakeRequest):
        return None
    return hook if _is_unmatched(request) and not _is_redirected(request) else None


def _is_unmatched(request: HttpRequest) -> bool:
    """Whether no URL matches; a middleware may say 404 before anybody has looked."""
    try:
        resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return True
    return False


def _is_redirected(request: HttpRequest) -> bool:
    """Whether Django adds a slash or a language to the URL that a client asked for."""
    for middleware in configured(CommonMiddleware, LocaleMiddleware):
        answer = middleware.process_response(request, HttpResponse(status=404))
        if answer.status_code != 404:
            return True
    return False


async def _answer(
    hook: Hook, request: HttpRequest, response: HttpResponseBase
) -> HttpResponseBase:
    if host_of(request) is None:
        return unknown_host()  # as before-hooks, this one may trust the host
    try:
        denial = await check_token(request, hook)
        if denial is not None:
            return denial
        value = await usercode.call(hook, request, main_lobby())
    except Reject as rejection:
        return Refusal.of(rejection)
    except (APIException, RequestDataTooBig, UnreadablePostError) as error:
        # Django 5.2 has 400 and 500 for the last two.
        answer = error_answer(error)
        if answer is None:
            raise
        return _as_django(answer)
    return response if value is None else _as_response(hook, value)


def _as_response(hook: Hook, value: Any) -> HttpResponseBase:
    """What the hook returned, as a response that no view has to render."""
    if isinstance(value, HttpResponseBase) and not isinstance(value, Response):
        if not getattr(value, "is_rendered", True):
            value.render()  # type: ignore[attr-defined]  # a TemplateResponse
        return value
    if not isinstance(value, Response | dict | list | str | bytes):
        raise TypeError(
            f"{hook.__qualname__} returned {type(value).__qualname__}; allowed are "
            f"{_ALLOWED}."
        )
    return _as_django(to_answer(value))


def _as_django(answer: Answer) -> HttpResponse:
    response = plain_response(answer)
    set_headers(response, answer)
    return response
