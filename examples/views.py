"""The front page, and what the pages of the rooms have in common."""

from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.generic import RedirectView, TemplateView

from examples.catalogue import EXAMPLES, Example
from examples.visitors import visitor
from partyrooms.core.keys import validate_room_id
from partyrooms.exceptions import BadRoomId
from partyrooms.models import RoomRecord

SHOWN_ROOMS = 20


class FrontPage(TemplateView):
    """What this is, the examples, and the newest of the rooms that exist."""

    template_name = "front.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        newest = RoomRecord.objects.with_sizes().order_by("-created_at", "-id")
        rooms = [
            {"record": record, "page": page_of(record), "api": api_of(record)}
            for record in newest[:SHOWN_ROOMS]
        ]
        hidden = max(RoomRecord.objects.count() - SHOWN_ROOMS, 0)
        return super().get_context_data(
            examples=EXAMPLES, rooms=rooms, hidden=hidden, **kwargs
        )


class RoomPage(TemplateView):
    """
    A page for one room; 404 for an invalid name.

    Its script gets everything from the room.
    """

    example: Example = EXAMPLES[0]

    def dispatch(
        self, request: HttpRequest, *args: Any, room_id: str, **kwargs: Any
    ) -> HttpResponseBase:
        try:
            validate_room_id(room_id)
        except BadRoomId as error:
            raise Http404(str(error)) from error
        if self.example.knows_visitors:
            visitor(request)  # Sets the cookie that its WebSocket will send.
        return super().dispatch(request, *args, room_id=room_id, **kwargs)

    def get_template_names(self) -> list[str]:
        return [f"{self.example.folder}/room.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(example=self.example, **kwargs)


class EnterRoom(RedirectView):
    """The target of a form with a room's name: ``?room=tea``."""

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str | None:
        room_id = self.request.GET.get("room", "").strip()
        try:
            validate_room_id(room_id)
        except BadRoomId:
            return reverse("front")
        return super().get_redirect_url(room_id=room_id)


def page_of(record: RoomRecord) -> str | None:
    """The page of a room, if its party has one."""
    if record.party not in {example.party for example in EXAMPLES}:
        return None
    return reverse(record.party, kwargs={"room_id": record.room_id})


def api_of(record: RoomRecord) -> str:
    """The room's own URL, for HTTP and WebSocket."""
    return f"/parties/{record.party}/{quote(record.room_id, safe='')}"
