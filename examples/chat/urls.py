from django.urls import path

from examples.chat.views import ChatPage
from examples.views import EnterRoom

app_name = "chat"
urlpatterns = [
    path("", EnterRoom.as_view(pattern_name="chat:room"), name="enter"),
    path("<str:room_id>/", ChatPage.as_view(), name="room"),
]
