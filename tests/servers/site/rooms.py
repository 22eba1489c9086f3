"""Rooms that have to exist when a server starts."""

from datetime import timedelta

from django.conf import settings

from partyrooms import Room, registry, rpc
from tests.servers.site.journal import note


class Main(Room):
    """
    What ``/party/<room>`` reaches; says what it was asked.

    What belongs to no room is for the class of the party that the path begins with, so
    that a test can bring its own ``on_fetch`` and ``on_socket``.
    """

    party = "main"

    @classmethod
    async def on_fetch(cls, request, lobby):
        hook = cls._hook("on_fetch", request)
        return None if hook is None else await hook(request, lobby)

    @classmethod
    async def on_socket(cls, socket, lobby):
        hook = cls._hook("on_socket", socket.request)
        if hook is not None:
            await hook(socket, lobby)

    @staticmethod
    def _hook(name, request):
        room_class = registry.find(request.path.split("/")[1])
        return None if room_class in (None, Main) else getattr(room_class, name, None)

    async def on_message(self, message, sender):
        sender.send(message)

    async def on_request(self, request):
        return {
            "party": self.party,
            "room": self.id,
            "method": request.method,
            "path": request.path,
            "subpath": request.subpath,
            "query": request.query_params.dict(),
        }


class ChatRoom(Room):
    """Has no name of its own: its party is ``chat-room``."""

    async def on_request(self, request):
        return {"party": self.party}


class Base(Room):
    """Is only inherited from."""

    abstract = True

    async def on_request(self, request):
        return {"party": self.party, "inherited": True}


class Derived(Base):
    """Is a party although its base is none."""


class Counter(Room):
    """Acknowledges an increment after ``put``; it outlives its process."""

    async def on_start(self):
        self.count = await self.storage.get("count", 0)
        note(self.id, "start", self.count)

    async def on_message(self, message, sender):
        self.count += 1
        self.storage.put("count", self.count)
        self.storage.put(f"increment/{message}", self.count)
        sender.send(f"{message} {self.count}")

    @rpc
    async def tell(self, text):
        if text == "raise":
            raise ValueError(text)
        self.broadcast(f"told {text}")
        return {"count": self.count, "text": text}

    async def on_request(self, request):
        if request.method == "POST":
            self.count += 1
            self.storage.put("count", self.count)
            return {"count": self.count}
        increments = await self.storage.list(prefix="increment/")
        return {
            "count": await self.storage.get("count", 0),
            "increments": {
                key.removeprefix("increment/"): value
                for key, value in increments.items()
            },
        }


class Alarming(Room):
    """Notes that it was woken; its alarm outlives its process."""

    async def on_request(self, request):
        if request.method == "POST":
            self.storage.set_alarm(timedelta(seconds=request.data["seconds"]))
        return {"rung": await self.storage.get("rung", 0)}

    async def on_alarm(self):
        self.storage.put("rung", await self.storage.get("rung", 0) + 1)
        note(self.id, "alarm")


class Ticking(Room):
    """Has the crons of the setting ``CRONS``; counts each one's ticks in a room."""

    crons = getattr(settings, "CRONS", {})

    @classmethod
    async def on_cron(cls, cron, lobby):
        note(cron.name, "tick", str(cron.scheduled_at))
        await lobby.parties["counter"].get(f"cron-{cron.name}").fetch("/", "POST")
