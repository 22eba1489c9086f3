"""The demo's pages, and all rooms."""

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("examples.urls")),
    path("", include("partyrooms.urls")),
    # The demo has nobody else to serve its few files; a real site has.
    path("static/<path:path>", serve, {"insecure": True}),
]
