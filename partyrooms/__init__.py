"""
Programmable rooms for Django: every room id is a stateful server of its own.

    # chat/rooms.py, in an installed app
    from partyrooms import Room

    class Chat(Room):
        async def on_start(self):
            self.messages = await self.storage.get("messages", [])

        async def on_connect(self, connection, ctx):
            connection.send_json(self.messages)

        async def on_message(self, message, sender):
            self.messages.append(message)
            self.storage.put("messages", self.messages)
            self.broadcast(message, without=[sender.id])
"""

from partyrooms.api.parties import parties
from partyrooms.api.room import Room
from partyrooms.api.users import disconnect_user, send_to_user
from partyrooms.exceptions import (
    CallCycle,
    CallFailed,
    ConnectionTrouble,
    PartyroomsError,
    Reject,
    RoomUnreachable,
    StorageLimitExceeded,
)
from partyrooms.ports.sockets import ConnectionContext
from partyrooms.runtime.connection import Connection
from partyrooms.runtime.rpc import rpc

__all__ = [
    "CallCycle",
    "CallFailed",
    "Connection",
    "ConnectionContext",
    "ConnectionTrouble",
    "PartyroomsError",
    "Reject",
    "Room",
    "RoomUnreachable",
    "StorageLimitExceeded",
    "disconnect_user",
    "parties",
    "rpc",
    "send_to_user",
]
