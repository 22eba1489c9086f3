"""The demo's pages; the rooms themselves answer below ``/parties/``."""

from django.urls import include, path

from examples.views import FrontPage

urlpatterns = [
    path("", FrontPage.as_view(), name="front"),
    path("chat/", include("examples.chat.urls")),
    path("counter/", include("examples.counter.urls")),
]
