"""
Django's own middleware without threads, where it provably does not block.

``MiddlewareMixin`` goes to a thread and back twice for each middleware, three quarters
of what a request costs under the list that ``startproject`` writes. These subclasses
run the same methods in the same order on the event loop, if the request is one that
goes the lean way and nothing in them can wait for anything: they look at headers,
cookies and settings. What may ask a database or a cache (a session that is saved)
still goes to the request's thread. Requests to other URLs see no difference.

Only what is exactly Django's is replaced; a project's subclass of it is left alone.
"""

from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages import get_messages
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.module_loading import import_string


class OnLoop:
    """In front of a class made with ``MiddlewareMixin``: its methods on the loop."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """Do what ``MiddlewareMixin`` does, in its order."""
        if not is_lean(request):
            stock: HttpResponseBase = await super().__acall__(request)  # type: ignore[misc]
            return stock
        middleware: Any = self
        response: HttpResponseBase | None = None
        if hasattr(middleware, "process_request"):
            if self.request_may_block(request):
                response = await sync_to_async(middleware.process_request)(request)
            else:
                response = middleware.process_request(request)
        response = response or await middleware.get_response(request)
        if hasattr(middleware, "process_response"):
            if self.response_may_block(request):
                work = sync_to_async(middleware.process_response)
                response = await work(request, response)
            else:
                response = middleware.process_response(request, response)
        return response

    def request_may_block(self, request: HttpRequest) -> bool:
        """Whether ``process_request`` may wait for anything."""
        return False

    def response_may_block(self, request: HttpRequest) -> bool:
        """Whether ``process_response`` may wait for anything."""
        return False


class Security(OnLoop, SecurityMiddleware):
    """Looks at the scheme and sets headers."""


class Session(OnLoop, SessionMiddleware):
    """Makes a session that loads itself when read; saves it if it was changed."""

    def request_may_block(self, request: HttpRequest) -> bool:
        """Whether somebody else's store is made."""
        return not _is_djangos(self.SessionStore)

    def response_may_block(self, request: HttpRequest) -> bool:
        """Whether the session is saved."""
        session = getattr(request, "session", None)
        return (
            session is None
            or session.modified
            or settings.SESSION_SAVE_EVERY_REQUEST
            or not _is_djangos(type(session))
        )


class Common(OnLoop, CommonMiddleware):
    """Looks at host, user agent and URL; sets the content length."""


class Locale(OnLoop, LocaleMiddleware):
    """Looks at path, cookie and header; activates a language."""


class Csrf(OnLoop, CsrfViewMiddleware):
    """Reads and sets the token's cookie; views of rooms are exempt from the rest."""

    def request_may_block(self, request: HttpRequest) -> bool:
        """Whether the token is in the session."""
        return settings.CSRF_USE_SESSIONS

    response_may_block = request_may_block

    async def process_view(  # type: ignore[override]
        self, request: HttpRequest, callback: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Check the token where method and view ask for it."""
        check = super().process_view
        is_exempt = request.method == "GET" or getattr(callback, "csrf_exempt", False)
        if is_exempt and is_lean(request):
            return check(request, callback, args, kwargs)
        return await sync_to_async(check)(request, callback, args, kwargs)


class Authentication(OnLoop, AuthenticationMiddleware):
    """Promises a user that is loaded when looked at."""


class Messages(OnLoop, MessageMiddleware):
    """Promises messages; stores what was added or not yet shown."""

    def request_may_block(self, request: HttpRequest) -> bool:
        """Whether somebody else's storage is made."""
        return not settings.MESSAGE_STORAGE.startswith("django.contrib.messages.")

    def response_may_block(self, request: HttpRequest) -> bool:
        """Whether anything is stored."""
        storage: Any = get_messages(request)
        if isinstance(storage, list):
            return False  # the request has none
        return bool(storage.used or storage.added_new or not _is_djangos(type(storage)))


class XFrameOptions(OnLoop, XFrameOptionsMiddleware):
    """Sets a header."""


_SUBCLASSES: dict[Any, str] = {
    subclass.__mro__[2]: f"{__name__}.{subclass.__name__}"
    for subclass in OnLoop.__subclasses__()
}


def is_lean(request: HttpRequest) -> bool:
    """Whether a request goes the lean way."""
    return getattr(request, "is_lean", False)


def on_loop(paths: Sequence[str]) -> list[str]:
    """A list of middleware, Django's own replaced by the classes of this module."""
    return [_SUBCLASSES.get(import_string(path), path) for path in paths]


def _is_djangos(cls: type) -> bool:
    return cls.__module__.startswith("django.contrib.")
