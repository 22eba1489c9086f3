"""A bare async view under Django's own ASGI handler: view, URLs and application."""

import json
import os

from django.core.asgi import get_asgi_application
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.servers.settings")
# The view below needs the app registry.
application = get_asgi_application()

from benchmarks.servers.models import Count  # noqa: E402


# A DRF view checks it for session authentication only.
@csrf_exempt
async def counter(request: HttpRequest, room: str) -> HttpResponse:
    """Tell a count to GET, without a database, and store a higher one for POST."""
    if request.method == "GET":
        return JsonResponse({"count": 1})
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "POST"])
    by = json.loads(request.body)["by"]
    count = Count.objects.filter(pk=room)
    if not await count.aupdate(count=F("count") + by):
        # Many first requests may come at once.
        await Count.objects.aget_or_create(pk=room)
        await count.aupdate(count=F("count") + by)
    return JsonResponse({"count": (await count.aget()).count})


urlpatterns = [path("parties/counter/<str:room>", counter)]
