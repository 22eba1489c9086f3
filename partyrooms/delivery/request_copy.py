"""Requests and handshakes that cross to another process, and what is made of them."""

from io import BytesIO
from typing import Any
from urllib.parse import quote

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request
from rest_framework.settings import api_settings

from partyrooms import registry
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire import RequestCopy
from partyrooms.delivery.requests import RoomRequest


def copy_request(request: Request) -> RequestCopy:
    """What another process needs to give ``on_request`` the same request."""
    given: Any = request
    return _copy(
        request._request,
        user_id=given.user_id,
        props=given.props,
        body=request.body,
        subpath=given.subpath,
    )


def restore_request(copy: RequestCopy, key: RoomKey) -> Request:
    """Make the request that ``on_request`` is given."""
    parsers: Any = registry.get(key.party).parser_classes
    if parsers is None:
        parsers = api_settings.DEFAULT_PARSER_CLASSES
    plain = _restore(copy)
    request: Any = RoomRequest(plain, parsers=[parser() for parser in parsers])
    request.user = plain.user
    request.props = copy.props
    request.user_id = copy.user_id
    request.subpath = copy.subpath
    return request  # type: ignore[no-any-return]


def copy_handshake(
    request: HttpRequest, user_id: str | None, props: dict[str, Any]
) -> RequestCopy:
    """What another process needs to give ``on_connect`` the same handshake."""
    return _copy(request, user_id=user_id, props=props, body=b"", subpath="")


def restore_handshake(copy: RequestCopy) -> HttpRequest:
    """Make the handshake that ``on_connect`` is given as ``ctx.request``."""
    request = _restore(copy)
    request.props = copy.props  # type: ignore[attr-defined]
    return request


def _copy(
    request: HttpRequest,
    *,
    user_id: str | None,
    props: dict[str, Any],
    body: bytes,
    subpath: str,
) -> RequestCopy:
    scope: Any = getattr(request, "scope", None) or {}
    client = scope.get("client")
    raw_path: bytes = scope.get("raw_path") or quote(request.path).encode()
    return RequestCopy(
        method=request.method or "GET",
        path=request.path,
        raw_path=raw_path,
        query=request.META.get("QUERY_STRING", "").encode("latin-1"),
        scheme=request.scheme or "http",
        headers=[
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ],
        client=(str(client[0]), int(client[1] or 0)) if client else None,
        # Hooks may have changed any of them; what is no text stays behind.
        meta={k: v for k, v in request.META.items() if isinstance(v, str)},
        user_id=user_id,
        props=props,
        body=body,
        subpath=subpath,
    )


def _restore(copy: RequestCopy) -> HttpRequest:
    scope: dict[str, Any] = {
        "type": "http",
        "method": copy.method,
        "path": copy.path,
        "raw_path": copy.raw_path,
        "root_path": "",
        "scheme": copy.scheme,
        "query_string": copy.query,
        "headers": copy.headers,
    }
    if copy.client is not None:
        scope["client"] = copy.client
    request: HttpRequest = ASGIRequest(scope, BytesIO(copy.body))
    request.META.update(copy.meta)
    request.user = SimpleLazyObject(lambda: _user(copy.user_id))  # type: ignore[assignment]

    async def auser() -> Any:
        return await _auser(copy.user_id)

    request.auser = auser
    return request


def _user(user_id: str | None) -> Any:
    if user_id is None:
        return AnonymousUser()
    return get_user_model()._default_manager.filter(pk=user_id).first() or (
        AnonymousUser()
    )


async def _auser(user_id: str | None) -> Any:
    if user_id is None:
        return AnonymousUser()
    users = get_user_model()._default_manager
    return await users.filter(pk=user_id).afirst() or AnonymousUser()
