"""The demo's pages; the rooms themselves answer below ``/parties/``."""

from django.urls import URLPattern, path

from examples.catalogue import EXAMPLES, Example
from examples.views import EnterRoom, FrontPage, RoomPage


def pages_of(example: Example) -> list[URLPattern]:
    """A page for each room, and where the front page's form goes."""
    party = example.party
    return [
        path(f"{party}/", EnterRoom.as_view(pattern_name=party), name=f"enter-{party}"),
        path(f"{party}/<str:room_id>/", RoomPage.as_view(example=example), name=party),
    ]


urlpatterns = [path("", FrontPage.as_view(), name="front")]
for example in EXAMPLES:
    urlpatterns += pages_of(example)
