"""What is around a request, and so around the turn of a room that answers it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache, partial
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch
from rest_framework.exceptions import APIException

from partyrooms.delivery.activation import activate, activated
from partyrooms.delivery.client_errors import client_error
from partyrooms.delivery.internals import (
    THREAD_VARIABLES,
    already_logged,
    middleware_setting,
)

OWN = "partyrooms_"
"""How the names of this package's context variables begin; each turn has its own."""

_SERVED = "partyrooms.served"
"""Where an ASGI scope has a request and what to do for it."""

Work = Callable[[], Awaitable[None]]

Variables = list[tuple[ContextVar[Any], Any]]
"""Context variables with what they are set to."""


def note_surroundings(request: Any) -> None:
    """Note what middleware and others have set around a request that has come here."""
    request.activated = activated()
    request.own_context = variables()


def variables() -> Variables:
    """The context variables that others have set; this package's lead to a turn."""
    return [
        (variable, value)
        for variable, value in copy_context().items()
        if variable not in THREAD_VARIABLES and not variable.name.startswith(OWN)
    ]


async def within(request: Any, work: Work, *, is_served: bool = True) -> None:
    """
    Do something for a request, with its context variables.

    So libraries that keep theirs there, as error trackers and tracers do, tell which
    request it is for. One that another process has sent has none: it is served by
    Django's own handler, into which such libraries hook.

    Args:
        request: Django's, or REST framework's; None: it is for none.
        work: What to do.
        is_served: Whether Django's handler may be used; else a request that was sent
            has only what was activated for it.
    """
    sent = getattr(request, "sent", None)
    if is_served and sent is not None and sent.own_context is None:
        await _serve(sent, work)
    else:
        with around(request):
            await work()


@contextmanager
def around(request: Any) -> Iterator[None]:
    """Have a request's context variables, and what was activated for it."""
    noted: Variables = getattr(request, "own_context", None) or []
    tokens = [(variable, variable.set(value)) for variable, value in noted]
    try:
        with activate(getattr(request, "activated", None)):
            yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


class TurnHandler(ASGIHandler):
    """Django's handler, without middleware and URLs, around a turn."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Load none: the request has been through the project's where it came in."""
        with middleware_setting(()):
            super().load_middleware(is_async)

    def request_class(self, scope: Any, body: Any) -> Any:  # type: ignore[override]
        """The request that is there already."""
        return scope[_SERVED][0]

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Lead to the turn, in place of a view."""
        return ResolverMatch(request.__dict__.pop(_SERVED), (), {})

    def make_view_atomic(self, view: Any) -> Any:
        """Leave it: the room's own transaction is another one."""
        return view

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Do what is to be done for a request."""
        request: Any
        request, _ = self.create_request(scope, BytesIO())
        request.__dict__[_SERVED] = scope[_SERVED][1]
        await self.send_response(await self.run_get_response(request), send)


@cache
def _handler() -> TurnHandler:
    return TurnHandler()


async def _serve(request: Any, work: Work) -> None:
    errors: list[Exception] = []
    view = partial(_view, work=work, errors=errors)
    scope = {**request.scope, _SERVED: (request, view)}
    await _handler()(scope, receive_nothing, send_nowhere)
    if errors:
        # Django's handler would log it; the room has its own way to report errors.
        raise errors.pop()


async def _view(request: Any, *, work: Work, errors: list[Exception]) -> HttpResponse:
    with activate(request.activated):
        request.own_context = variables()
        try:
            await work()
        except Exception as error:
            errors.append(error)
            known = error if isinstance(error, APIException) else client_error(error)
            status = 500 if known is None else known.status_code
            return already_logged(HttpResponse(status=status))
    return HttpResponse()


async def receive_nothing() -> Any:
    """ASGI's ``receive`` of a request whose body is there already."""
    raise RuntimeError("No more of this request comes.")


async def send_nowhere(event: Any) -> None:
    """ASGI's ``send`` where the answer goes another way."""
