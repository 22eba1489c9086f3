"""
Ledgers: each message is an op that raises a counter by one.

The room stores the op under the counter's new value, tells the sender, and broadcasts;
what is told carries the room's epoch, for the history checker. Before its turn ends it
notes the op in a file, stored or not.
"""

import asyncio
import json
import os
import threading
from datetime import UTC, datetime

from django.contrib.auth.models import Group
from django.db import DatabaseError

from partyrooms import Room
from partyrooms.exceptions import StoreUnavailable

JOURNAL = os.environ.get("PARTYROOMS_JOURNAL", os.devnull)


def write_down(*line):
    """Append to the file that all processes share; a short line is one write."""
    file = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{json.dumps(line)}\n".encode())
    finally:
        os.close(file)


class Ledger(Room):
    """Stores every op, with the value that it made."""

    async def on_start(self):
        self.value = await self.storage.get("value", 0)
        self.epoch = self._life.claim.epoch  # No room has a need to know; a test has.
        self.node = self._life.owner
        self.left = []

    async def on_connect(self, connection, ctx):
        connection.send_json(self.frame("welcome", ""))

    async def on_message(self, op, sender):
        self.value += 1
        self.note(op)
        self.store(op)
        sender.send_json(self.frame("acknowledgement", op))
        self.broadcast_json(self.frame("broadcast", op))

    async def on_request(self, request):
        connected = sorted(one.id for one in self.get_connections())
        return {"connections": connected, "left": sorted(self.left)}

    async def on_close(self, connection):
        self.left.append(connection.id)

    def store(self, op):
        """Keep the counter and the op; both or neither."""
        self.storage.put("value", self.value)
        self.storage.put(f"op/{self.value:09d}", [op, self.epoch, self.node])

    def frame(self, kind, op):
        """What clients are told."""
        return {
            "kind": kind,
            "op": op,
            "position": self.value,
            "epoch": self.epoch,
        }

    def note(self, op):
        """Write the op down, stored or not."""
        write_down(str(self), self.value, op, self.epoch, self.node)


class HibernatingLedger(Ledger):
    """The same, and its sockets outlive it."""

    hibernate = True


class VolatileLedger(Ledger):
    """Stores nothing: each life begins at 0."""

    def store(self, op):
        """Keep nothing."""


class AtomicLedger(Ledger):
    """Has a row of a model of the project for each op; both or neither."""

    async def on_message(self, op, sender):
        while not await self.book(op):
            pass
        self.note(op)
        sender.send_json(self.frame("acknowledgement", op))
        self.broadcast_json(self.frame("broadcast", op))

    async def book(self, op):
        """Store the op in both places; whether that could be done."""
        before = self.value
        try:
            async with self.storage.atomic():
                self.value += 1
                self.store(op)
                await Group.objects.acreate(name=f"{self} {self.value:09d} {op}")
        except (StoreUnavailable, DatabaseError):  # The database may have been away.
            self.value = before
            return False
        return True


class VolatileHibernatingLedger(VolatileLedger):
    """Its sockets outlive it, and with them what they were told."""

    hibernate = True


class Stone(Room):
    """Does not give the event loop back once it has heard anything."""

    async def on_message(self, message, sender):
        threading.Event().wait()


class Timer(Room):
    """Rings at times that it is given, one after the other, and stores each ring."""

    async def on_request(self, request):
        if request.method == "PUT":
            self.storage.put("is_broken", request.data["is_broken"])
        else:
            self.wind(request.data["dues"])

    async def on_alarm(self):
        rung_at = datetime.now(UTC).timestamp()
        if await self.storage.get("is_broken"):
            raise RuntimeError("as asked")
        due, *later = await self.storage.get("dues")
        rings = await self.storage.get("rings", [])
        claim = self._life.claim
        write_down(str(self), len(rings), "", claim.epoch, self._life.owner)
        self.storage.put("rings", [*rings, [due, rung_at - due]])
        await asyncio.sleep(0.1)  # so that some are killed in the middle
        self.wind(later)
        self.broadcast(f"ring {len(rings)}")

    def wind(self, dues):
        """Ring at the first of these times, in seconds since 1970; keep the rest."""
        self.storage.put("dues", dues)
        if dues:
            self.storage.set_alarm(datetime.fromtimestamp(dues[0], UTC))


class Clockwork(Room):
    """Writes down when a tick begins and ends, and who runs it; that takes a while."""

    crons = json.loads(os.environ.get("PARTYROOMS_CRONS", "{}"))

    @classmethod
    async def on_cron(cls, cron, lobby):
        tick = cron.scheduled_at.timestamp()
        write_down(f"{cls.party}/{cron.name}", tick, "begin", 0, os.getpid())
        await asyncio.sleep(0.3)  # so that some are killed in the middle
        write_down(f"{cls.party}/{cron.name}", tick, "end", 0, os.getpid())


class Metronome(Room):
    """Beats from its start on, and says in which of its lives; starts when asked."""

    hibernate = True

    def on_start(self):
        self.count = 0
        self.every(0.1, self.beat)

    async def beat(self):
        self.count += 1
        self.broadcast(f"{self._life.claim.epoch} {self.count}")

    async def on_request(self, request):
        return {}
