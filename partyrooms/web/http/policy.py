"""
Where REST framework's policy runs: it is sync, so it may block the event loop.

A thread costs as much as the whole rest of a request. So the policy runs on the loop
where it provably does not block: each class that takes part is one of REST framework's
own that only looks at attributes, and the user is known without a query.
"""

from functools import cache
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest
from rest_framework import authentication, negotiation, permissions, versioning
from rest_framework.request import Request
from rest_framework.views import APIView

from partyrooms.web.http.user import is_djangos_own, is_lazy

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


async def run_policy(view: APIView, request: Request) -> None:
    """
    Authenticate, authorise, throttle and negotiate, as ``APIView.initial`` does.

    Raises:
        APIException: If the policy refuses.
    """
    view_class: Any = type(view)  # REST framework's stubs give it no hash
    if is_plain(view_class) and (
        not view_class.authentication_classes or has_plain_user(request._request)
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
    """Whether ``request.user`` is known, or found without a query to be nobody."""
    if "HTTP_AUTHORIZATION" in request.META:
        return False
    user: Any = request.__dict__.get("user")
    # Django's own finds nobody without asking, where no session is named.
    return not is_lazy(user) or (
        is_djangos_own(user) and settings.SESSION_COOKIE_NAME not in request.COOKIES
    )
