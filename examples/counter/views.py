from examples.views import RoomPage


class CounterPage(RoomPage):
    """The page of one counter room; everything that lives on it comes by WebSocket."""

    template_name = "counter/room.html"
