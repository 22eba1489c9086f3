"""Rooms at the root and under a prefix, beside a view of the project's own."""

from django.http import HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
async def own_view(request):
    """A view whose path looks like a room's at first sight."""
    return HttpResponse("own " + str(len(request.body)))


urlpatterns = [
    path("their/party/", own_view),
    path("", include("partyrooms.urls")),
    path("api/v1/", include(("partyrooms.urls", "partyrooms"), namespace="api")),
]
