"""A chat room: who is here, the last hundred messages, and HTTP for bots."""

import json
from collections import deque

from django.utils.timezone import now
from rest_framework.exceptions import MethodNotAllowed, ValidationError

from examples.chat.serializers import Saying
from partyrooms import Room


class Chat(Room):
    # One conversation per room id: for browsers by WebSocket, for bots by HTTP.
    hibernate = True  # storage and connection state hold all that it needs
    message_rate = "20/s"  # of one connection

    async def on_start(self):  # once per life of the room, before other events
        stored = await self.storage.list(prefix="message:")  # in the order of the keys
        self.messages = deque(stored.values(), maxlen=100)

    async def on_connect(self, connection, ctx):  # its frames wait until this returns
        name = " ".join(ctx.request.GET.get("name", "").split())[:24]
        connection.set_state({"name": name or "Guest"})
        connection.send_json({"type": "history", "messages": list(self.messages)})
        self.show_people()

    async def on_message(self, message, sender):  # str or bytes; clients send anything
        try:
            self.say(json.loads(message), name=sender.state["name"])
        except (ValueError, RecursionError, ValidationError):
            sender.send_json({"type": "refused", "reason": "Say 1 to 1000 characters."})

    async def on_close(self, connection):  # it has left get_connections() already
        self.show_people()

    async def on_request(self, request):  # what it raises or returns is the answer
        if request.method == "POST":
            return self.say(request.data)
        if request.method != "GET":
            raise MethodNotAllowed(request.method)
        return {"messages": list(self.messages)}

    def show_people(self):
        names = {each.state["name"] for each in self.get_connections()}
        self.broadcast_json({"type": "people", "names": sorted(names)})

    def say(self, data, **sender):  # one event at a time: no lock, no race
        saying = Saying(data=data)
        saying.is_valid(raise_exception=True)
        for message in self.messages:
            if message["id"] == saying.data["id"]:
                return message  # sent again after a lost connection
        number = self.messages[-1]["number"] + 1 if self.messages else 1
        message = {**saying.data, **sender, "number": number, "at": now().isoformat()}
        self.storage.put(f"message:{number:09}", message)  # one entry each
        self.storage.delete(f"message:{number - 100:09}")
        self.messages.append(message)
        self.broadcast_json({"type": "message", **message})  # sent after the commit
        return message
