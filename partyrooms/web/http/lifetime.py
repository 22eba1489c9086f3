"""
What Django does around each request, without a thread where none is needed.

Django's ``ASGIHandler`` sends ``request_started`` and closes each response in a thread,
0.55 of the 0.68 ms that an async view costs. What these are for stays true here: the
database connections of the request's own thread are closed or kept by Django's rules,
and every receiver that is not Django's own is called for each request, in a thread.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.cache import close_caches
from django.core.handlers.asgi import get_script_prefix
from django.core.handlers.base import reset_urlconf
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from django.dispatch import Signal
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from partyrooms.delivery.internals import (
    abandon_thread,
    has_thread,
    receivers_of,
    running_thread,
)

# On the event loop's own thread these have nothing to close: Django allows no query
# there. In the request's thread they run before and after it, as ever.
_OWN_RECEIVERS = frozenset(
    {close_caches, close_old_connections, reset_queries, reset_urlconf}
)


class RequestLifetime:
    """
    The time of one request: a thread of its own, made when the first sync code asks.

    However it ends, also cancelled or by an error, ``request_finished`` goes out once,
    in this thread and behind all that runs there: only then are its database
    connections closed, or given back to a pool.

    Args:
        sender: The handler's class, for the signals.
        scope: The request's ASGI scope, of type ``http``.
    """

    def __init__(self, sender: type, scope: Mapping[str, Any]) -> None:
        self._sender = sender
        self._scope = scope
        self._thread = ThreadSensitiveContext()
        self._response: HttpResponseBase | None = None

    async def __aenter__(self) -> Self:
        # Django's handler has entered one, which waits for its thread at the end.
        self._before = running_thread.set(self._thread)
        set_script_prefix(get_script_prefix(self._scope))
        if has_other_receivers(request_started, self._sender):
            await request_started.asend(sender=self._sender, scope=self._scope)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_closed = self._response is not None and self._response.closed
        abandon_thread(self._thread, None if is_closed else self._finish)
        running_thread.reset(self._before)

    async def close(self, response: HttpResponseBase) -> None:
        """Close a response: ``request_finished`` goes out, what was opened closes."""
        self._response = response
        if has_thread() or has_other_receivers(request_finished, self._sender):
            await sync_to_async(response.close)()
        else:
            response.close()

    def _finish(self) -> None:
        """What ``close`` did not come to, or may be doing at this moment."""
        if self._response is None:
            request_finished.send(sender=self._sender)
        elif not self._response.closed:
            self._response.close()


def has_other_receivers(signal: Signal, sender: type) -> bool:
    """Whether anyone but Django itself listens."""
    receivers, async_receivers = receivers_of(signal, sender)
    return bool(async_receivers) or not _OWN_RECEIVERS.issuperset(receivers)
