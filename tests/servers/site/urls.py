"""The rooms, optionally behind a prefix, and the tests' own way in."""

from django.conf import settings
from django.urls import include, path

from tests.servers.site import lab, views

urlpatterns = [
    path(getattr(settings, "ROOMS_PREFIX", ""), include("partyrooms.urls")),
    path("lab/<str:action>", lab.perform, name="lab"),
    path("tell/<str:room>", views.tell),
    path("save/<str:room>", views.save),
]
