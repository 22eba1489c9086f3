from django.urls import path

from examples.counter.views import CounterPage
from examples.views import EnterRoom

app_name = "counter"
urlpatterns = [
    path("", EnterRoom.as_view(pattern_name="counter:room"), name="enter"),
    path("<str:room_id>/", CounterPage.as_view(), name="room"),
]
