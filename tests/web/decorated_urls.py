"""The rooms' URLs in the hands of a project: behind a decorator, behind a prefix."""

from functools import wraps

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import include, path, re_path

import partyrooms.urls


def in_thread(view):
    """A decorator of a project that knows sync views only."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if "HTTP_X_KEY" not in request.META:
            return HttpResponse(status=401)
        return async_to_sync(view)(request, *args, **kwargs)

    return guarded


def opaque(view):
    """A decorator that copies nothing of its view."""

    async def guarded(request, *args, **kwargs):
        return await view(request, *args, **kwargs)

    return guarded


def decorated(decorator):
    """The rooms' URLs as packages for decorated includes make them."""
    return [
        re_path(one.pattern.regex.pattern, decorator(one.callback), one.default_args)
        for one in partyrooms.urls.urlpatterns
    ]


urlpatterns = [
    path("members/", include(decorated(login_required))),
    path("keyed/", include(decorated(in_thread))),
    path("opaque/", include(decorated(opaque))),
    path("t/<str:tenant>/", include("partyrooms.urls")),
    path("p/<str:party>/", include(("partyrooms.urls", "partyrooms"), "by-party")),
]
