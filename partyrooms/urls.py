"""
The URLs of rooms: ``/party/<room>`` and ``/parties/<party>/<room>``, and any path
below them; ``/healthz`` and ``/readyz``.

Include them with or without a prefix::

    path("", include("partyrooms.urls"))

``reverse("partyrooms:room", args=["chat/lobby"])`` makes a room's URL.
"""

from django.urls import path, re_path

from partyrooms.core.paths import MAIN_PARTY
from partyrooms.web.http.address import FIXED_PARTY
from partyrooms.web.http.health import alive, ready
from partyrooms.web.http.views import room_view

app_name = "partyrooms"

# Everything after the first word: the raw path decides what is allowed there, and an
# id with a line break must not match another URL.
urlpatterns = [
    re_path(
        r"^party/(?P<address>[\s\S]*)$",
        room_view,
        {FIXED_PARTY: MAIN_PARTY},
        name="main-room",
    ),
    path("healthz", alive, name="healthz"),
    path("readyz", ready, name="readyz"),
    re_path(r"^parties/(?P<address>[\s\S]*)$", room_view, name="room"),
]
