from examples.views import RoomPage


class ChatPage(RoomPage):
    """The page of one chat room; everything that lives on it comes by WebSocket."""

    template_name = "chat/room.html"
