"""What a room may return from ``on_request``, made into an answer that can travel."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import exception_handler

from partyrooms.core.frames import Answer, AnswerKind
from partyrooms.core.keys import RoomKey
from partyrooms.delivery.client_errors import client_error
from partyrooms.delivery.cookies import add_cookie
from partyrooms.delivery.internals import already_logged, iterator_of
from partyrooms.exceptions import Reject
from partyrooms.json_text import json_default, json_text

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)

logger = logging.getLogger("partyrooms.responses")

CONTENT_TYPES = {
    AnswerKind.DATA: "application/json",
    AnswerKind.TEXT: "text/plain; charset=utf-8",
    AnswerKind.STREAM: "text/plain; charset=utf-8",
}
"""What an answer's body is where the answer itself does not say."""

ALLOWED = (
    "rest_framework.response.Response, django.http.HttpResponse, dict, list, str, "
    "bytes, None, or an async generator of str or bytes, which may be in a "
    "django.http.StreamingHttpResponse"
)


def to_answer(value: object) -> Answer:
    """
    Encode what ``on_request`` returned, at once: the room's state changes later.

    Args:
        value: ``None`` means 204; ``str`` is ``text/plain``; ``dict``, ``list`` and
            the data of a ``Response`` become JSON. Of a stream this is the head only:
            see ``chunks_of``.

    Raises:
        TypeError: If it is something else, or holds something that JSON cannot; the
            text says what is allowed.
        ValueError: If it holds a number that JSON cannot (NaN, infinity).
    """
    if value is None:
        return Answer(status=204)
    if isinstance(value, dict | list):
        return Answer(status=200, kind=AnswerKind.DATA, body=_json(value))
    if isinstance(value, str):
        return Answer(status=200, kind=AnswerKind.TEXT, body=value.encode())
    if isinstance(value, bytes):
        return Answer(
            status=200,
            kind=AnswerKind.BYTES,
            body=value,
            content_type="application/octet-stream",
        )
    if isinstance(value, Response):
        return _from_drf(value)
    if isinstance(value, HttpResponse):
        return _from_django(value)
    if isinstance(value, AsyncIterator):
        return Answer(status=200, kind=AnswerKind.STREAM)
    if isinstance(value, StreamingHttpResponse) and value.is_async:
        return Answer(
            status=value.status_code,
            headers=_headers(value),
            kind=AnswerKind.STREAM,
            content_type=value.headers.get("Content-Type"),
        )
    raise TypeError(
        f"on_request returned {type(value).__module__}.{type(value).__qualname__}; "
        f"allowed are {ALLOWED}."
    )


def chunks_of(value: Any) -> AsyncIterator[str | bytes]:
    """What a streamed answer yields: the generator itself, or what a response holds."""
    return iterator_of(value) if isinstance(value, StreamingHttpResponse) else value


def error_answer(error: Exception, request: Any = None) -> Answer | None:
    """
    The answer that an exception stands for; None: it stands for none (a defect).

    ``APIException``, ``Http404`` and ``PermissionDenied`` go through the project's
    ``EXCEPTION_HANDLER``, as in a view, and so do Django's errors for what a client
    sent. There is no view here: its ``context["view"]`` is None.
    """
    error = client_error(error) or error
    if not isinstance(error, APIException | Http404 | PermissionDenied):
        return None
    context = {"view": None, "args": (), "kwargs": {}, "request": request}
    handler: Any = api_settings.EXCEPTION_HANDLER
    try:
        response = handler(error, context)
        return None if response is None else to_answer(response)
    except Exception:  # a project's own
        logger.exception(
            "EXCEPTION_HANDLER failed on %s; REST framework's own was asked",
            type(error).__name__,
            extra={"action": "exception_handler_failed"},
        )
    response = exception_handler(error, context)
    return None if response is None else to_answer(response)


def takes_no_requests(key: RoomKey) -> Answer:
    """The answer for a class without ``on_request``; no room is started for it."""
    detail = f"The party {key.party!r} takes no requests."
    return Answer(status=404, kind=AnswerKind.DATA, body=_json({"detail": detail}))


def plain_response(answer: Answer) -> HttpResponse:
    """Make a response of an answer's body as it is, which must be no stream."""
    content_type = answer.content_type or CONTENT_TYPES.get(answer.kind)
    response = HttpResponse(answer.body, content_type, answer.status)
    if content_type is None:
        del response["Content-Type"]  # nor has the room's
    return response


def set_headers(response: HttpResponseBase, answer: Answer) -> None:
    """Give a response the headers and cookies of an answer."""
    for name, value in answer.headers:
        if name.lower() == "set-cookie":
            add_cookie(response, value)
        else:
            response[name] = value


def json_error(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """An error as JSON, in the shape that DRF gives its own; the client sees it."""
    return JsonResponse({"detail": detail}, status=status, headers=headers)


def as_hooks_answer(response: ResponseT) -> ResponseT:
    """
    Make sure that a before-hook's response can be sent as it is.

    REST framework's ``Response`` is rendered by its view, of which there is none.
    """
    if isinstance(response, Response) and not hasattr(response, "accepted_renderer"):
        response.accepted_renderer = JSONRenderer()
        response.accepted_media_type = JSONRenderer.media_type
        response.renderer_context = {}  # type: ignore[attr-defined]  # for its renderer
    return response


class Refusal(JsonResponse):
    """
    A before-hook's no: an HTTP status, or a close code where a socket was asked for.

    Attributes:
        close_code: What the WebSocket is closed with.
        close_reason: At most 123 bytes of UTF-8 of it reach the client.
    """

    def __init__(
        self, status: int, detail: str, close_code: int, close_reason: str
    ) -> None:
        super().__init__({"detail": detail}, status=status)
        self.close_code = close_code
        self.close_reason = close_reason

    @classmethod
    def of(cls, rejection: Reject) -> Self:
        """What ``Reject`` means; a code that no frame may carry becomes 1008."""
        code: Any = rejection.code  # a hook's author may have written anything
        reason = str(rejection.reason or "")
        allowed = isinstance(code, int) and (
            code in (1000, 1008) or 3000 <= code <= 4999
        )
        if not allowed:
            logger.error(
                "Reject(code=%r) is not 1000, 1008 or 3000-4999; 1008 was sent%s",
                code,
                "; a reason on its own is Reject(reason=...)" * isinstance(code, str),
                extra={"action": "bad_close_code"},
            )
        return cls(
            Reject.status_code,
            reason or "Rejected.",
            code if allowed else 1008,
            reason,
        )

    @classmethod
    def defect(cls) -> Self:
        """A hook failed: the log says why, the client does not learn it."""
        refusal = cls(500, "Internal server error.", 1011, "internal error")
        return already_logged(refusal)


def _from_drf(response: Response) -> Answer:
    headers = _headers(response)
    if response.data is None:
        return Answer(status=response.status_code, headers=headers)
    return Answer(
        status=response.status_code,
        headers=headers,
        kind=AnswerKind.DATA,
        body=_json(response.data),
        content_type=response.content_type,
    )


def _from_django(response: HttpResponse) -> Answer:
    if not getattr(response, "is_rendered", True):
        response.render()  # type: ignore[attr-defined]  # a TemplateResponse
    return Answer(
        status=response.status_code,
        headers=_headers(response),
        kind=AnswerKind.BYTES,
        body=bytes(response.content),
        content_type=response.headers.get("Content-Type"),
    )


def _headers(response: HttpResponseBase) -> list[tuple[str, str]]:
    # The type travels on its own, and the length is counted where it is sent.
    headers = [
        (name, value)
        for name, value in response.items()
        if name.lower() not in ("content-type", "content-length")
    ]
    cookies = response.cookies.values()
    return headers + [("Set-Cookie", cookie.OutputString()) for cookie in cookies]


class _Encoder(JSONEncoder):
    """One rule for JSON, and beyond it what REST framework makes of a QuerySet."""

    def default(self, obj: Any) -> Any:
        try:
            return json_default(obj)
        except TypeError:
            return super().default(obj)


class _Renderer(JSONRenderer):
    encoder_class = _Encoder


def _json(value: Any) -> bytes:
    try:
        return bytes(_Renderer().render(value))
    except (TypeError, ValueError):
        json_text(value)  # Its error says where.
        raise
