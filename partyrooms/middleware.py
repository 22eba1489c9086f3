"""
Before the room: a class's own hooks, run in the web process after ``MIDDLEWARE``.

They run for HTTP requests and WebSocket handshakes alike. Put the middleware last in
``MIDDLEWARE``: the hooks then come after everything else that may refuse a request.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from partyrooms.api.lobby import Lobby as Lobby  # what their hooks are given
from partyrooms.web.http.before_hooks import run_before_hook
from partyrooms.web.http.fetch import answer_unmatched, answer_unmatched_in_thread

GetResponse = Callable[[HttpRequest], Any]


class BeforeHooksMiddleware:
    """
    Runs ``on_before_request`` and ``on_before_connect`` of the room's class, and
    ``on_fetch`` of the party ``main`` where no URL matched.

    A request reaches its room only if the hook returned None or the request itself.
    Without this middleware no hook runs, and every request to a class that has one is
    refused.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Pass the request on: before-hooks run when its view is known."""
        if self._is_async:
            return self._pass_on(request)
        return answer_unmatched_in_thread(request, self.get_response(request))

    async def _pass_on(self, request: HttpRequest) -> HttpResponseBase:
        return await answer_unmatched(request, await self.get_response(request))

    async def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> HttpResponseBase | None:
        """Run the hook of the room that the request is for, if it is for one."""
        return await run_before_hook(request, view)
