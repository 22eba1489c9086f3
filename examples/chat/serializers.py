"""What a client may say."""

from uuid import uuid4

from rest_framework import serializers


class Saying(serializers.Serializer):
    """
    One message, as a browser or a bot sends it.

    Clients can send anything, by WebSocket as by HTTP, so both are checked like any
    form. The ``id`` is the sender's: a message that is sent again is known by it.
    """

    id = serializers.UUIDField(default=uuid4)
    name = serializers.CharField(max_length=24, default="Guest")
    text = serializers.CharField(max_length=1000)
