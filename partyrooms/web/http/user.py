"""Who is behind a request, found out without blocking the event loop."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty


def user_id_of(user: Any) -> str | None:
    """The primary key of a user as text; None: nobody is logged in."""
    if user is None or not getattr(user, "is_authenticated", False):
        return None
    return None if user.pk is None else str(user.pk)


async def load_user(request: HttpRequest) -> str | None:
    """
    Load ``request.user``, so that later no look at it needs a query.

    Returns:
        The user's primary key as text; None: nobody is logged in.
    """
    user: Any = request.__dict__.get("user")
    if is_lazy(user):
        if is_djangos_own(user) and hasattr(request, "auser"):
            user = await request.auser()
        else:  # somebody else's lazy user: only reading it tells what it does
            await sync_to_async(user_id_of)(user)
        request.user = user
    return user_id_of(user)


def is_lazy(user: Any) -> bool:
    """Whether a user is still a promise to load one."""
    return isinstance(user, LazyObject) and user.__dict__["_wrapped"] is empty


def is_djangos_own(user: Any) -> bool:
    """Whether it is Django's middleware that promised an unsettled user."""
    setup = user.__dict__.get("_setupfunc")
    return getattr(setup, "__module__", "") == AuthenticationMiddleware.__module__
