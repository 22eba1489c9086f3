"""
Names of Django, asgiref and REST framework that are not public: all that are used.

Each function says why nothing public does. Tried with Django 5.2, asgiref 3.13 and
REST framework 3.18; ``tests/delivery/test_internals.py`` fails if one of them moves.
"""

import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from operator import attrgetter
from threading import RLock
from typing import Any, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.dispatch import Signal
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)

# By name: an import would need the app of users, as soon as this app is loaded.
AUTHENTICATION = "django.contrib.auth.middleware"

running_thread = SyncToAsync.thread_sensitive_context
"""Which thread the running task's sync code has, once it asks for one.

``ThreadSensitiveContext`` sets it only where nothing else has.
"""

THREAD_VARIABLES = frozenset(
    {
        running_thread,
        SyncToAsync.deadlock_context,
        AsyncToSync.async_single_thread_context,
    }
)
"""All of asgiref's context variables that belong to a task, and to no request."""

_loading = RLock()
_live_receivers = attrgetter("_live_receivers")


def already_logged(response: ResponseT) -> ResponseT:
    """
    Keep Django from logging a response whose reason is in the log already.

    Django logs each response from 400 on; only this attribute tells it not to.
    """
    response.__dict__["_has_been_logged"] = True
    return response


def iterator_of(response: StreamingHttpResponse) -> AsyncIterator[str | bytes]:
    """
    The iterator that an async streaming response was made of.

    ``streaming_content`` wraps it in a generator that does not close it.
    """
    iterator: AsyncIterator[str | bytes] = response.__dict__["_iterator"]
    return iterator


def take_body(request: HttpRequest, limit: int, announced: int) -> bytes | None:
    """
    Read a request's whole body, and keep it as ``request.body``.

    The property itself reads any size, or at most ``DATA_UPLOAD_MAX_MEMORY_SIZE``,
    which is a limit of forms.

    Args:
        request: Django's.
        limit: Bytes that the body may have; at most one more is read.
        announced: The length that the client announced.

    Returns:
        None: a middleware has read the body as a stream, to parse a form.

    Raises:
        RequestDataTooBig: If it is over the limit.
    """
    body: bytes | None = request.__dict__.get("_body")
    if body is None:
        if getattr(request, "_read_started", False):
            return None
        if announced > limit:
            raise RequestDataTooBig
        body = request.__dict__["_stream"].read(limit + 1)
        assert body is not None
    keep_body(request, body)
    if len(body) > limit:
        raise RequestDataTooBig
    return body


def keep_body(request: HttpRequest, body: bytes) -> None:
    """
    Set ``request.body``, to be read also after Django has closed the request.

    A room may still be at work on it when the client has gone.
    """
    request.__dict__["_body"] = body
    request.__dict__["_stream"] = io.BytesIO(body)


def is_lazy(user: Any) -> bool:
    """Whether a user is still to be loaded; any public look at it would load it."""
    return isinstance(user, LazyObject) and user.__dict__["_wrapped"] is empty


def is_djangos_own(user: Any) -> bool:
    """Whether a lazy user is the one that Django's own middleware made."""
    setup = user.__dict__.get("_setupfunc")
    return getattr(setup, "__module__", "") == AUTHENTICATION


def receivers_of(signal: Signal, sender: type) -> tuple[list[Any], list[Any]]:
    """A signal's sync and async receivers; ``has_listeners`` only counts them."""
    found: tuple[list[Any], list[Any]] = _live_receivers(signal)(sender)
    return found


def has_parent_thread() -> bool:
    """Whether sync code waits for the running code, which shares its thread."""
    return getattr(AsyncToSync.executors, "current", None) is not None


def has_thread() -> bool:
    """Whether sync code ran in a thread of the request at hand."""
    if has_parent_thread():
        return True
    context = SyncToAsync.thread_sensitive_context.get(None)
    return context is None or context in SyncToAsync.context_to_thread_executor


def abandon_thread(
    context: ThreadSensitiveContext, last_work: Callable[[], None] | None = None
) -> None:
    """
    Let a request's thread end by itself.

    The context's own end waits for the thread, and the event loop with it: a hook that
    hangs there would stop every other request.

    Args:
        context: The request's.
        last_work: Run in this thread behind all that it has begun, or in a new one.
    """
    thread = SyncToAsync.context_to_thread_executor.pop(context, None)
    if thread is None and last_work is not None:
        thread = ThreadPoolExecutor(max_workers=1)
    if thread is not None:
        if last_work is not None:
            thread.submit(copy_context().run, last_work)
        thread.shutdown(wait=False)


@contextmanager
def middleware_setting(paths: Sequence[str]) -> Iterator[None]:
    """
    Make ``MIDDLEWARE`` another list while a handler loads it, one at a time.

    ``load_middleware`` reads the list from the settings only, and fills private
    attributes of the handler.
    """
    with _loading:
        regular: Sequence[str] = settings.MIDDLEWARE
        settings.MIDDLEWARE = list(paths)
        try:
            yield
        finally:
            settings.MIDDLEWARE = regular
