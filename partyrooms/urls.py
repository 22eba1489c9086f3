"""
The URLs of rooms: ``/party/<room>`` and ``/parties/<party>/<room>``, any path behind.

Include them with or without a prefix::

    path("", include("partyrooms.urls"))

``reverse("partyrooms:room", args=["chat/lobby"])`` makes a room's URL.
"""

from django.urls import re_path

from partyrooms.core.paths import MAIN_PARTY
from partyrooms.web.http.views import room_view

app_name = "partyrooms"

# Everything behind the first word: what is allowed there is decided on the raw path,
# and an id with a line break must not fall through to another URL.
urlpatterns = [
    re_path(
        r"^party/(?P<address>[\s\S]*)$",
        room_view,
        {"party": MAIN_PARTY},
        name="main-room",
    ),
    re_path(r"^parties/(?P<address>[\s\S]*)$", room_view, name="room"),
]
