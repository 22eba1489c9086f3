"""What others send to a connection while its ``on_connect`` runs."""

import asyncio

import pytest

from partyrooms import Room
from partyrooms.core.keys import RoomKey
from tests.runtime.stage import on_stage
from tests.web.sockets.server import Server


class Slow(Room):
    """Somebody else sends while ``on_connect`` waits; the id says how it goes on."""

    party = "letting-in"

    async def on_connect(self, connection, ctx):
        self.create_task(self.interfere(connection)).add_done_callback(self.go_on)
        self.interfered = asyncio.Event()
        connection.send("first")
        await self.interfered.wait()
        connection.send("second")
        if self.id == "fails":
            raise ValueError
        connection.send("third")

    def go_on(self, _):
        self.interfered.set()

    async def interfere(self, connection):
        connection.send("late")
        await self.storage.sync()
        if self.id == "closed":
            connection.close(4000, "by another")
        connection.send("later")

    async def on_exception(self, error, connection):
        pass


@pytest.mark.parametrize(
    ("way", "sent"),
    [
        ("goes-on", ["accept", "first", "second", "third", "late", "later"]),
        ("closed", ["accept", "first", "late", (4000, "by another")]),
        ("fails", ["accept", (1011, "the room failed")]),
    ],
)
async def test_r11_what_on_connect_sends_arrives_first(way, sent):
    """R11, R23: a socket that is not accepted yet can be sent nothing."""
    async with on_stage(Slow, way):
        client = Server(Slow, key=RoomKey("letting-in", way)).start()

        events = await client.until(len(sent))

        assert [_told(event) for event in events] == sent


def _told(event):
    match event["type"].removeprefix("websocket."):
        case "send":
            return event["text"]
        case "close":
            return event["code"], event["reason"]
        case other:
            return other
