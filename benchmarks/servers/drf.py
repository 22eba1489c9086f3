"""A plain DRF view under Django's own ASGI handler: view, URLs and application."""

import os

from django.core.asgi import get_asgi_application
from django.db.models import F
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.servers.settings")
# The view below needs the app registry.
application = get_asgi_application()

from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from benchmarks.servers.models import Count  # noqa: E402


class CounterView(APIView):
    """Tells a count to GET, without a database, and stores a higher one for POST."""

    def get(self, request: Request, room: str) -> Response:
        return Response({"count": 1})

    def post(self, request: Request, room: str) -> Response:
        count = Count.objects.filter(pk=room)
        if not count.update(count=F("count") + request.data["by"]):
            # Many first requests may come at once.
            Count.objects.get_or_create(pk=room)
            count.update(count=F("count") + request.data["by"])
        return Response({"count": count.get().count})


urlpatterns = [path("parties/counter/<str:room>", CounterView.as_view())]
