"""
The URLs of rooms: ``/party/<room>`` and ``/parties/<party>/<room>``, and any path
below them.

Include them with or without a prefix::

    path("", include("partyrooms.urls"))

``reverse("partyrooms:room", args=["chat/lobby"])`` makes a room's URL.
"""

from django.urls import re_path

from partyrooms.core.paths import MAIN_PARTY
from partyrooms.web.http.address import FIXED_PARTY
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
    re_path(r"^parties/(?P<address>[\s\S]*)$", room_view, name="room"),
]
