"""The rooms that are measured; found by partyrooms like any app's ``rooms.py``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request

from partyrooms import Connection, Room


class Echo(Room):
    """Answers the sender."""

    async def on_message(self, message: str | bytes, sender: Connection) -> None:
        sender.send(message)


class Answering(Room):
    """Has the load's message answered by its gateway."""

    auto_response: ClassVar[Mapping[str, str]] = {"x" * 64: "x" * 64}


class FanOut(Room):
    """Passes every message on to everyone, its sender too."""

    async def on_message(self, message: str | bytes, sender: Connection) -> None:
        self.broadcast(message)


class Stored(Room):
    """Answers the sender once a count is stored."""

    async def on_start(self) -> None:
        self.count = await self.storage.get("count", 0)

    async def on_message(self, message: str | bytes, sender: Connection) -> None:
        self.count += 1
        self.storage.put("count", self.count)
        sender.send(message)


class Awake(Room):
    """Answers, and stays in memory."""

    async def on_request(self, request: Request) -> str:
        return "here"


class Asleep(Awake):
    """Answers, and leaves memory."""

    hibernate = True


class Counter(Room):
    """Tells its count to GET and stores a higher one for POST."""

    async def on_start(self) -> None:
        self.count = await self.storage.get("count", 0)

    async def on_request(self, request: Request) -> dict[str, Any]:
        if request.method == "POST":
            self.count += request.data["by"]
            self.storage.put("count", self.count)
        return {"count": self.count}
