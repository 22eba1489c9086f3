"""Where the partyrooms site answers."""

from django.urls import include, path

urlpatterns = [path("", include("partyrooms.urls"))]
