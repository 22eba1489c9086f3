"""The demo's pages, and all rooms."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("examples.urls")),
    path("", include("partyrooms.urls")),
]
