"""storage.atomic() of real rooms, with a model of the project, on both databases."""

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections, transaction

from partyrooms import Room
from partyrooms.conf import get_settings
from partyrooms.core.ranges import Span
from partyrooms.core.values import decode
from partyrooms.server.node import Node
from partyrooms.server.nodes import use_node
from partyrooms.store import atomic
from partyrooms.testing import RunningRoom
from partyrooms.testing.timeline import FakeClock, Timeline
from tests.runtime.stage import PATIENCE, patiently


class Shop(Room):
    """Sells groups: the room counts, the project's model has a row for each."""

    party = "atomic-shop"
    alias = "default"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.errors, self.threads = [], []
        self.inside, self.go = asyncio.Event(), asyncio.Event()
        self.thread_goes = threading.Event()

    @property
    def groups(self):
        return Group.objects.using(self.alias)

    async def on_message(self, message, sender):
        await getattr(self, message)(sender)

    async def on_exception(self, error, connection):
        self.errors.append(error)

    async def sells(self, sender):
        async with self.storage.atomic():
            await self.sell(sender)
            self.inside.set()
            await self.go.wait()

    async def sell(self, sender):
        await self.groups.acreate(name=f"{self.id} {sender.id}")
        self.storage.put(sender.id, "sold")
        self.broadcast(f"sold to {sender.id}")

    async def fails(self, sender):
        async with self.storage.atomic():
            await self.sell(sender)
            raise ValueError

    async def breaks_a_constraint(self, sender):
        async with self.storage.atomic():
            await self.sell(sender)
            await self.groups.acreate(name=f"{self.id} {sender.id}")

    async def hides_a_broken_constraint(self, sender):
        async with self.storage.atomic():
            await self.sell(sender)
            try:
                await self.groups.acreate(name=f"{self.id} {sender.id}")
            except DatabaseError:
                sender.send("hidden")

    async def fails_after_commit(self, sender):
        def fail():
            raise LookupError

        async with self.storage.atomic():
            await self.sell(sender)
            await sync_to_async(transaction.on_commit)(fail, using=self.alias)

    async def catches_what_fails_after_commit(self, sender):
        try:
            await self.fails_after_commit(sender)
        except LookupError:
            sender.send("caught")

    async def starts_work(self, sender):
        async with self.storage.atomic():
            await self.note_thread()
            await patiently(self.create_task(self.note_thread()))
        await self.note_thread()

    @sync_to_async
    def note_thread(self):
        name = threading.current_thread().name
        in_transaction = connections[self.alias].in_atomic_block
        self.threads.append((name.startswith("partyrooms-block"), in_transaction))


class PlainShop(Shop):
    """The same in plain functions."""

    party = "atomic-plain-shop"

    def on_message(self, message, sender):
        getattr(self, message)(sender)

    def sells(self, sender):
        with self.storage.atomic():
            self.sell(sender)
            self._life._loop.call_soon_threadsafe(self.inside.set)
            self.thread_goes.wait(PATIENCE)

    def sell(self, sender):
        self.groups.create(name=f"{self.id} {sender.id}")
        self.storage.put(sender.id, "sold")
        self.broadcast(f"sold to {sender.id}")

    def fails(self, sender):
        with self.storage.atomic():
            self.sell(sender)
            raise ValueError

    def breaks_a_constraint(self, sender):
        with self.storage.atomic():
            self.sell(sender)
            self.groups.create(name=f"{self.id} {sender.id}")

    def hides_a_broken_constraint(self, sender):
        with self.storage.atomic():
            self.sell(sender)
            try:
                self.groups.create(name=f"{self.id} {sender.id}")
            except DatabaseError:
                sender.send("hidden")

    def fails_after_commit(self, sender):
        def fail():
            raise LookupError

        with self.storage.atomic():
            self.sell(sender)
            transaction.on_commit(fail, using=self.alias)

    def catches_what_fails_after_commit(self, sender):
        try:
            self.fails_after_commit(sender)
        except LookupError:
            sender.send("caught")

    def turns_it_round(self, sender):
        with transaction.atomic(using=self.alias), self.storage.atomic():
            self.sell(sender)


class Served(RunningRoom):
    """A room on a store in a database."""

    async def stored(self):
        record = self._worker.life.claim.record
        rows = await self._store.scan(record, Span())
        return {key.decode(): decode(value) for key, value in rows}

    async def groups(self):
        """The project's rows, as another connection sees them."""

        def look():
            names = Group.objects.using(self.instance.alias).values_list("name")
            seen = sorted(name for (name,) in names)
            connections.close_all()
            return seen

        return await asyncio.to_thread(look)

    async def begun(self, id="alice"):
        """A client whose hook waits inside the block."""
        client = await patiently(self.connect(id))
        self._worker.message(client._socket, "sells")
        await patiently(self.instance.inside.wait())
        return client

    async def ended(self):
        self.instance.go.set()
        self.instance.thread_goes.set()
        await patiently(self._worker.until_idle())


@pytest.fixture(params=[Shop, PlainShop], ids=["coroutine", "function"])
def shop(request, database, monkeypatch):
    """The class of the room, in both forms."""
    monkeypatch.setattr(Shop, "alias", database.alias)
    return request.param


@asynccontextmanager
async def served(database, *keys, **options):
    """Rooms of one node, one for each pair of class and room id; a store's options."""
    clock = FakeClock()
    async with database.store(**options) as store:
        settings = replace(get_settings(), database=database.alias)
        node = Node(store, name="test", settings=settings, clock=clock.monotonic)
        use_node(node)
        timeline = Timeline(node, clock, store)
        try:
            yield [Served(*key, node, timeline) for key in keys]
        finally:
            await patiently(node.close())
            use_node(None)


async def test_s9_both_are_committed_together(database, shop):
    """S9: nobody sees either before; then all see both."""
    async with served(database, (shop, "one")) as (room,):
        alice = await room.begun()
        during = await room.stored(), await room.groups(), list(alice.received)
        await room.ended()

        assert during == ({}, [], [])
        assert await room.stored() == {"alice": "sold"}
        assert await room.groups() == ["one alice"]
        assert alice.received == ["sold to alice"]


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("fails", ValueError),
        ("breaks_a_constraint", DatabaseError),
        ("hides_a_broken_constraint", DatabaseError),
    ],
)
async def test_s9_a_rolled_back_transaction_broadcasts_nothing(
    database, shop, way, error
):
    """S9: nor is anything of it stored, on either side; the next one is."""
    async with served(database, (shop, "one")) as (room,):
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send(way))
        after = await room.stored(), await room.groups(), list(alice.received)
        room.instance.go.set()
        room.instance.thread_goes.set()
        await patiently(alice.send("sells"))

        (raised,) = room.instance.errors
        assert isinstance(raised, error)
        assert after == ({}, [], [])
        assert await room.groups() == ["one alice"]
        assert alice.received == ["sold to alice"]


async def test_s9_an_error_of_an_on_commit_handler_undoes_nothing(database, shop):
    """S9: both are committed; the hook has failed, so nothing leaves."""
    async with served(database, (shop, "one")) as (room,):
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("fails_after_commit"))
        room.instance.go.set()
        room.instance.thread_goes.set()
        bob = await patiently(room.connect("bob"))
        await patiently(bob.send("sells"))

        assert [type(error) for error in room.instance.errors] == [LookupError]
        assert await room.stored() == {"alice": "sold", "bob": "sold"}
        assert await room.groups() == ["one alice", "one bob"]
        assert alice.received == ["sold to bob"]


async def test_s9_a_caught_error_of_an_on_commit_handler_drops_no_output(
    database, shop
):
    """S9, G2: what is committed is said."""
    async with served(database, (shop, "one")) as (room,):
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("catches_what_fails_after_commit"))

        assert room.instance.errors == []
        assert await room.stored() == {"alice": "sold"}
        assert alice.received == ["sold to alice", "caught"]


async def test_s9_other_rooms_are_stored_though_a_block_is_open(
    database, shop, monkeypatch, caplog
):
    """S9: at once on Postgres; on SQLite, which has one writer, behind the block."""
    if database.alias == "default":  # Who waits in SQLite itself would be told no.
        options = connections.databases["default"]["OPTIONS"]
        monkeypatch.setitem(options, "timeout", 0)
        # The file is in WAL mode already; to say so takes a lock for a moment.
        monkeypatch.delitem(options, "init_command")
    async with served(database, (shop, "one"), (shop, "two")) as (room, other):
        bob = await patiently(other.connect("bob"))
        other.instance.go.set()
        other.instance.thread_goes.set()
        await room.begun()

        other._worker.message(bob._socket, "sells")
        if database.alias == "postgres":
            await patiently(other._worker.until_idle())
            assert await other.stored() == {"bob": "sold"}
        await room.ended()
        await patiently(other._worker.until_idle())

        assert room.instance.errors == other.instance.errors == []
        assert await room.groups() == ["one alice", "two bob"]
        assert await other.stored() == {"bob": "sold"}
    assert "repeated" not in caplog.text


async def test_s9_work_that_begins_in_a_block_is_not_in_it(database, monkeypatch):
    """S9, R23: for it may outlive the block."""
    monkeypatch.setattr(Shop, "alias", database.alias)
    async with served(database, (Shop, "one")) as (room,):
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("starts_work"))

        assert room.instance.errors == []
        assert room.instance.threads == [(True, True), (False, False), (False, False)]


async def test_s9_a_block_inside_of_a_transaction_says_how_to_mend_it(
    database, monkeypatch
):
    """S9: for that could roll back what the room has said."""
    monkeypatch.setattr(Shop, "alias", database.alias)
    async with served(database, (PlainShop, "one")) as (room,):
        alice = await patiently(room.connect("alice"))

        await patiently(alice.send("turns_it_round"))

        (error,) = room.instance.errors
        with pytest.raises(RuntimeError, match="Turn them round"):
            raise error
        assert (await room.stored(), await room.groups()) == ({}, [])


async def test_s9_blocks_wait_when_there_is_no_thread_left(database, monkeypatch):
    """S9: a thread is a connection of the database, and those are bounded."""
    monkeypatch.setattr(Shop, "alias", database.alias)
    monkeypatch.setattr(atomic, "THREADS", 1)
    async with served(database, (Shop, "one"), (Shop, "two")) as (room, other):
        bob = await patiently(other.connect("bob"))
        other.instance.go.set()
        await room.begun()

        other._worker.message(bob._socket, "sells")
        await room.groups()  # A while in which it would have begun.
        during = other.instance.inside.is_set()
        await room.ended()
        await patiently(other._worker.until_idle())

        assert not during
        assert await room.groups() == ["one alice", "two bob"]
