"""What a client may say."""

from uuid import uuid4

from rest_framework import serializers


class Saying(serializers.Serializer):
    """
    One message, as a browser or a bot sends it.

    Clients can send anything, by WebSocket and by HTTP, so both are checked like a
    form. The ``id`` is the sender's: by it the room recognises a message sent again.
    """

    id = serializers.UUIDField(default=uuid4)
    name = serializers.CharField(max_length=24, default="Guest")
    text = serializers.CharField(max_length=1000)
