"""storage.atomic() and time: what takes too long, and what waits behind COMMIT."""

from contextlib import suppress

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group
from django.db import connections

from partyrooms import parties, rpc
from partyrooms.exceptions import BlockTimeout
from partyrooms.store import atomic
from tests.runtime.stage import PATIENCE, patiently
from tests.store.test_atomic import PlainShop, Shop, served

LIMIT = 0.3
"""Seconds that a block may take in these tests."""

SLOW_QUERY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "WHERE i < 2000000000) SELECT max(i) FROM n"
)
"""A statement of minutes, on each database."""


class Slow(Shop):
    """Takes its time in a block, in a thread that nobody can cancel."""

    party = "atomic-slow"

    async def waits(self, sender):
        async with self.storage.atomic():
            await self.sell(sender)
            self.inside.set()
            await sync_to_async(self.thread_goes.wait)(PATIENCE)

    async def queries(self, sender):
        async with self.storage.atomic():
            await self.sell(sender)
            self.inside.set()
            await sync_to_async(self.query)()

    async def goes_on(self, sender):
        async with self.storage.atomic():
            await self.sell(sender)
            self.inside.set()
            await sync_to_async(self.insist)()

    def query(self):
        with connections[self.alias].cursor() as cursor:
            cursor.execute(SLOW_QUERY)

    def insist(self):
        """Go on after the time is over, whatever is raised."""
        self.thread_goes.wait(PATIENCE)
        for _ in range(2):
            with suppress(BlockTimeout):
                self.groups.create(name="late")


class PlainSlow(PlainShop):
    """The same in plain functions."""

    party = "atomic-plain-slow"

    def begin(self, sender):
        self.sell(sender)
        self._life._loop.call_soon_threadsafe(self.inside.set)

    def waits(self, sender):
        with self.storage.atomic():
            self.begin(sender)
            self.thread_goes.wait(PATIENCE)

    def queries(self, sender):
        with self.storage.atomic():
            self.begin(sender)
            Slow.query(self)

    def goes_on(self, sender):
        with self.storage.atomic():
            self.begin(sender)
            Slow.insist(self)


@pytest.fixture(params=[Slow, PlainSlow], ids=["coroutine", "function"])
def slow(request, database, monkeypatch):
    """The class of the room, in both forms."""
    monkeypatch.setattr(Shop, "alias", database.alias)
    return request.param


@pytest.mark.parametrize("way", ["waits", "queries", "goes_on"])
async def test_s9_a_block_whose_thread_is_busy_ends_at_its_limit(database, slow, way):
    """S9: what it holds is free while its thread goes on; nothing of it is stored."""
    keys = (slow, "one"), (Storing, "two")
    async with served(database, *keys, idle_timeout=LIMIT) as (room, other):
        bob = await patiently(other.connect("bob"))
        alice = await patiently(room.connect("alice"))
        room._worker.message(alice._socket, way)
        await patiently(room.instance.inside.wait())

        await patiently(take_name("one alice"))
        await patiently(bob.send("stores"))
        meanwhile = await other.stored()
        room.instance.thread_goes.set()
        await patiently(room._worker.until_idle())

        assert meanwhile == {"bob": "stored"}
        assert [type(error) for error in room.instance.errors] == [BlockTimeout]
        assert await room.groups() == ["one alice"]
        assert (await room.stored(), alice.received) == ({}, [])


class Storing(Shop):
    """Needs the database for a moment."""

    party = "atomic-storing"

    async def stores(self, sender):
        self.storage.put(sender.id, "stored")


@sync_to_async(thread_sensitive=False)
def take_name(name):
    """Make a row that cannot be made while a block has one of the same name."""
    Group.objects.using(Shop.alias).create(name=name)
    connections.close_all()


class Noting(Shop):
    """Stores when it is called, in the way that the call names."""

    party = "atomic-noting"

    @rpc
    async def note(self):
        self.storage.put("noted", 1)

    @rpc
    async def note_in_a_block(self):
        async with self.storage.atomic():
            self.storage.put("noted", 1)

    @rpc
    async def note_at(self, party, room_id):
        await parties[party].get(room_id).call("note")
        self.storage.put("noted", 1)


class Telling(Shop):
    """Tells another room of what it has sold, once that is committed."""

    party = "atomic-telling"

    async def tells(self, sender, *call):
        async with self.storage.atomic():
            await self.sell(sender)
            other = parties["atomic-noting"].get("other")
            await other.call(*(call or ("note",)), on_commit=self.alias)

    async def tells_one_with_a_block(self, sender):
        await self.tells(sender, "note_in_a_block")

    async def tells_in_the_background(self, sender):
        call = "note_at", self.party, self.id
        self.create_task(self.tells(sender, *call))

    @rpc
    async def note(self):
        self.storage.put("told", 1)
        self.inside.set()


class PlainTelling(PlainShop):
    """The same in plain functions."""

    party = "atomic-plain-telling"

    def tells(self, sender, call="note"):
        with self.storage.atomic():
            self.sell(sender)
            other = parties["atomic-noting"].get("other")
            async_to_sync(other.call)(call, on_commit=self.alias)

    def tells_one_with_a_block(self, sender):
        self.tells(sender, "note_in_a_block")


@pytest.mark.parametrize(
    ("telling", "way"),
    [
        (Telling, "tells"),
        (Telling, "tells_one_with_a_block"),
        (Telling, "tells_in_the_background"),
        (PlainTelling, "tells"),
        (PlainTelling, "tells_one_with_a_block"),
    ],
)
async def test_p7_a_call_that_waited_for_a_block_finds_nothing_held(
    database, telling, way, monkeypatch, caplog
):
    """P7, S9: not the database, the room, nor the only thread that blocks have."""
    monkeypatch.setattr(atomic, "THREADS", 1)
    monkeypatch.setattr(Shop, "alias", database.alias)
    keys = (telling, "one"), (Noting, "other")
    async with served(database, *keys) as (room, other):
        alice = await patiently(room.connect("alice"))
        await patiently(other.connect("bob"))

        await patiently(alice.send(way))
        if way == "tells_in_the_background":
            await patiently(room.instance.inside.wait())
        for one in (room, other):
            await patiently(one._worker.until_idle())

        assert room.instance.errors == other.instance.errors == []
        assert (await room.stored())["alice"] == "sold"
        assert await other.stored() == {"noted": 1}
        assert "on_commit_failed" not in {
            getattr(record, "action", None) for record in caplog.records
        }
