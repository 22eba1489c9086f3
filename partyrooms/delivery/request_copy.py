"""Requests and handshakes that cross to another process, and back into requests."""

import json
from typing import Any
from urllib.parse import quote

import msgspec
from django.db.models import Model
from django.http import HttpRequest
from rest_framework.request import Request

from partyrooms import registry
from partyrooms.core.keys import RoomKey
from partyrooms.core.wire.message import RequestCopy
from partyrooms.delivery.requests import http_request, room_request


def copy_request(request: Request) -> RequestCopy:
    """What another process needs to give ``on_request`` the same request."""
    given: Any = request
    return _copy(
        given,
        user_id=given.user_id,
        props=given.props,
        body=request.body,
        subpath=given.subpath,
        auth=given.auth,
    )


def restore_request(copy: RequestCopy, key: RoomKey) -> Request:
    """Make the request that ``on_request`` is given."""
    return room_request(copy, registry.get(key.party))


def copy_handshake(
    request: HttpRequest, user_id: str | None, props: dict[str, Any]
) -> RequestCopy:
    """What another process needs to give ``on_connect`` the same handshake."""
    return _copy(request, user_id=user_id, props=props, body=b"", subpath="")


def restore_handshake(copy: RequestCopy) -> HttpRequest:
    """Make the handshake that ``on_connect`` is given as ``ctx.request``."""
    return http_request(copy)


def _copy(
    request: HttpRequest,
    *,
    user_id: str | None,
    props: dict[str, Any],
    body: bytes,
    subpath: str,
    auth: Any = None,
) -> RequestCopy:
    """
    Describe a request.

    Args:
        request: Django's, or REST framework's, which passes attributes on to Django's.
    """
    scope: Any = getattr(request, "scope", None) or {}
    session: Any = getattr(request, "session", None)
    is_model = isinstance(auth, Model)
    client = scope.get("client")
    raw_path: bytes = scope.get("raw_path") or quote(request.path).encode()
    return RequestCopy(
        method=request.method or "GET",
        path=request.path,
        raw_path=raw_path,
        query=request.META.get("QUERY_STRING", "").encode(),
        scheme=request.scheme or "http",
        headers=[
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in request.headers.items()
        ],
        client=(str(client[0]), int(client[1] or 0)) if client else None,
        # Hooks may have changed any of them; values that are no text are left out.
        meta={k: v for k, v in request.META.items() if isinstance(v, str)},
        user_id=user_id,
        props=json.dumps(props).encode(),
        body=body,
        subpath=subpath,
        session=None if session is None else session.session_key or "",
        auth=None if is_model else _plain(auth),
        auth_model=(auth._meta.label, str(auth.pk)) if is_model else None,
        activated=getattr(request, "activated", None),
    )


def _plain(auth: Any) -> bytes | None:
    """What another process can be told of ``request.auth``; None: nothing."""
    try:
        return None if auth is None else msgspec.msgpack.encode(auth)
    except TypeError:  # a project's own class
        return None
