"""
A counter that everyone with the same URL shares.

WebSocket and HTTP change one stored number; server-sent events show it as well.
"""

import asyncio

from rest_framework.exceptions import MethodNotAllowed

from partyrooms import Connection, ConnectionContext, Room


class Counter(Room):
    """Each room id is a counter of its own: ``/parties/counter/<room>``."""

    hibernate = True  # the count is stored: a restart of a worker closes no socket

    async def on_start(self):
        self.count = await self.storage.get("count", 0)
        self.changed = asyncio.Event()

    async def on_connect(self, connection: Connection, ctx: ConnectionContext):
        """Send the count to the new client."""
        connection.send_json({"count": self.count})

    async def on_message(self, message: str | bytes, sender: Connection):
        """Count one frame; a client may send anything."""
        if message == "+1":
            self.add_one()

    async def on_request(self, request):
        """``GET`` reads, ``POST`` counts; the dict becomes the JSON answer."""
        if request.method == "POST":
            self.add_one()
        elif request.method != "GET":
            raise MethodNotAllowed(request.method)
        elif "text/event-stream" in request.headers.get("Accept", ""):
            return self.counts()
        return {"count": self.count}

    async def counts(self):
        """Yield the count and each change, until the client disconnects."""
        while True:
            changed = self.changed
            yield f"data: {self.count}\n\n"
            await changed.wait()

    def add_one(self):
        """
        Count, store, broadcast; without a lock, as events run one at a time.

        It does not wait for the disk: the broadcast is sent after the commit.
        """
        count = self.count + 1
        self.storage.put("count", count)
        self.count = count
        self.broadcast_json({"count": count})
        self.changed.set()
        self.changed = asyncio.Event()
