"""
REST framework's policy and the user, without blocking the event loop.

Both are sync, and a thread costs as much as the rest of a request. So the policy runs
on the loop if it cannot block: each class that takes part is one of REST framework's
own that looks at attributes only, and the user is known without a query.
"""

from functools import cache
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest
from rest_framework import authentication, negotiation, permissions, versioning
from rest_framework.request import Request
from rest_framework.views import APIView

from partyrooms.delivery.internals import is_djangos_own, is_lazy

# They look at the user, or at the Authorization header first.
_PLAIN_AUTHENTICATION = frozenset(
    {
        authentication.SessionAuthentication,
        authentication.BasicAuthentication,
        authentication.TokenAuthentication,
    }
)
_PLAIN_PERMISSIONS = frozenset(
    {
        permissions.AllowAny,
        permissions.IsAuthenticated,
        permissions.IsAdminUser,
        permissions.IsAuthenticatedOrReadOnly,
    }
)


async def run_policy(
    view: APIView, request: Request, http_request: HttpRequest
) -> None:
    """
    Authenticate, authorise, throttle and negotiate, as ``APIView.initial`` does.

    Raises:
        APIException: If the policy refuses.
    """
    view_class: Any = type(view)  # REST framework's stubs give it no hash
    if is_plain(view_class) and (
        not view_class.authentication_classes or has_plain_user(http_request)
    ):
        view.initial(request)
    else:
        await sync_to_async(view.initial)(request)


@cache
def is_plain(view_class: Any) -> bool:
    """Whether none of a view's policy classes can block, but to find out the user."""
    return (
        # Or else the CSRF check of session authentication reads the session.
        not settings.CSRF_USE_SESSIONS
        and _PLAIN_AUTHENTICATION.issuperset(view_class.authentication_classes)
        and _PLAIN_PERMISSIONS.issuperset(view_class.permission_classes)
        and not view_class.throttle_classes
        and view_class.content_negotiation_class
        is negotiation.DefaultContentNegotiation
        and (
            view_class.versioning_class is None
            or view_class.versioning_class.__module__ == versioning.__name__
        )
    )


def has_plain_user(request: HttpRequest) -> bool:
    """Whether ``request.user`` is known, or anonymous without a query."""
    if "HTTP_AUTHORIZATION" in request.META:
        return False
    user: Any = request.__dict__.get("user")
    # Django's own user is anonymous, without a query, if no session is named.
    return not is_lazy(user) or (
        is_djangos_own(user) and settings.SESSION_COOKIE_NAME not in request.COOKIES
    )


def user_id_of(user: Any) -> str | None:
    """The primary key of a user as text; None: anonymous."""
    if user is None or not getattr(user, "is_authenticated", False):
        return None
    return None if user.pk is None else str(user.pk)


async def load_user(request: HttpRequest) -> str | None:
    """
    Load ``request.user``, so that later no look at it needs a query.

    Returns:
        The user's primary key as text; None: anonymous.
    """
    user: Any = request.__dict__.get("user")
    if is_lazy(user):
        if is_djangos_own(user) and hasattr(request, "auser"):
            user = await request.auser()
        else:  # somebody else's lazy user: only reading it tells what it does
            await sync_to_async(user_id_of)(user)
        request.user = user
    return user_id_of(user)
