"""
A counter that everyone with the same URL shares.

The smallest room that keeps something: a WebSocket and a plain HTTP request change the
same number, all see it at once, also by server-sent events, and it outlives the server.
"""

import asyncio

from rest_framework.exceptions import MethodNotAllowed

from partyrooms import Connection, ConnectionContext, Room


class Counter(Room):
    """Each room id is a counter of its own: ``/parties/counter/<room>``."""

    async def on_start(self):
        """Load what an earlier life stored; nothing else runs before this ends."""
        self.count = await self.storage.get("count", 0)
        self.changed = asyncio.Event()

    async def on_connect(self, connection: Connection, ctx: ConnectionContext):
        """Tell the newcomer where the count stands."""
        connection.send_json({"count": self.count})

    async def on_message(self, message: str | bytes, sender: Connection):
        """Count a frame that says so; a client may send anything else."""
        if message == "+1":
            self.add_one()

    async def on_request(self, request):
        """``GET`` reads, ``POST`` counts; what is returned becomes the JSON answer."""
        if request.method == "POST":
            self.add_one()
        elif request.method != "GET":
            raise MethodNotAllowed(request.method)
        elif "text/event-stream" in request.headers.get("Accept", ""):
            return self.counts()
        return {"count": self.count}

    async def counts(self):
        """Yield the count and what follows; closed when nobody reads any more."""
        while True:
            changed = self.changed
            yield f"data: {self.count}\n\n"
            await changed.wait()

    def add_one(self):
        """
        Count, store, tell everyone.

        No lock: a room handles one event at a time. No waiting for the disk either:
        the broadcast leaves by itself as soon as the number is safely stored.
        """
        self.count += 1
        self.storage.put("count", self.count)
        self.broadcast_json({"count": self.count})
        self.changed.set()
        self.changed = asyncio.Event()
