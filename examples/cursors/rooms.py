"""Everyone's pointer on one canvas, 60 times a second, in one frame for all."""

import asyncio
import json
from contextlib import suppress

from partyrooms import Room

FRAME = 1 / 60  # seconds


class Cursors(Room):
    """
    Nothing is stored: after a restart the pages reconnect and send their positions.
    """

    message_rate = "120/s"  # of one connection; the page sends half as many
    max_message_size = 64
    max_connections = 100

    async def on_start(self):
        self.positions = {}  # id: [x, y], from 0 to 1
        self.changes = {}  # since the last frame; None: it has left the canvas
        self.frame = None

    async def on_connect(self, connection, ctx):
        connection.send_json(self.positions)

    async def on_message(self, message, sender):  # a client may send anything
        with suppress(TypeError, ValueError):
            self.move(sender.id, position_of(message))

    async def on_close(self, connection):
        # Not if its page has reconnected before the dead connection was noticed.
        if self.get_connection(connection.id) is None:
            self.move(connection.id, None)

    def move(self, id, position):
        self.positions.pop(id, None)
        if position is not None:
            self.positions[id] = position
        self.changes[id] = position
        if self.frame is None or self.frame.done():  # no task while nobody moves
            self.frame = self.create_task(self.show())

    async def show(self):
        await asyncio.sleep(FRAME)
        changes, self.changes = self.changes, {}
        self.broadcast_json(changes)


def position_of(message):
    """``[x, y]``, or None for ``null``; an error for anything else."""
    if message == "null":
        return None
    x, y = json.loads(message)
    if not (0 <= x <= 1 and 0 <= y <= 1):  # NaN fails, too
        raise ValueError("not on the canvas")
    return [round(float(x), 4), round(float(y), 4)]
