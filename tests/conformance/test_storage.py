"""SPEC 5: reading and writing a room's storage (S1-S5, S9)."""

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User

from tests.servers.database import execute
from tests.servers.site.journal import gate
from tests.servers.visitor import Room


async def test_s1_reads_see_own_uncommitted_writes(define):
    """`get` and `get_many` see this turn's own puts and deletes."""

    class Reading(Room):
        async def on_request(self, request):
            storage = self.storage
            seen = [await storage.get("a"), await storage.get("a", "default")]
            storage.put("a", 1)
            storage.put("b", 2)
            seen.append(await storage.get("a", "default"))
            seen.append(await storage.get_many(["b", "a", "c"]))
            storage.delete("a")
            seen.append(await storage.get("a"))
            seen.append(await storage.get_many(["a", "b"]))
            return seen

    room = await define(Reading)

    expected = [None, "default", 1, {"a": 1, "b": 2}, None, {"b": 2}]
    assert await room.data() == expected


async def test_s1_a_value_read_is_a_copy(define):
    """Changing it, or what was put, changes nothing that is stored."""

    class Copying(Room):
        async def on_request(self, request):
            if request.method == "POST":
                given = {"list": [1]}
                self.storage.put("value", given)
                given["list"].append(2)
                (await self.storage.get("value"))["list"].append(3)
            first = await self.storage.get("value")
            first["list"].append(4)
            many = await self.storage.get_many(["value"])
            many["value"]["list"].append(5)
            listed = await self.storage.list()
            listed["value"]["list"].append(6)
            return await self.storage.get("value")

    room = await define(Copying)

    assert await room.data("POST") == {"list": [1]}
    assert await room.data() == {"list": [1]}


async def test_s2_writes_are_buffered_and_may_be_awaited(define):
    """`put`, `delete` and their kin, with and without `await`."""

    class Writing(Room):
        async def on_request(self, request):
            storage = self.storage
            if request.method == "POST":
                storage.put("a", 1)
                await storage.put("b", 2)
                storage.put_many({"c": 3, "d": 4})
                await storage.put_many({"e": 5, "f": 6})
                storage.delete("a")
                await storage.delete("missing")
                storage.delete_many(["b", "missing"])
                await storage.delete_many(["c"])
            if request.method == "DELETE":
                storage.put("new", 1)
                storage.delete_all()
                storage.put("newer", 1)
            return await storage.list()

    room = await define(Writing)
    written = {"d": 4, "e": 5, "f": 6}

    assert await room.data("POST") == written
    assert await room.data() == written
    assert await room.data("DELETE") == {"newer": 1}
    assert await room.data() == {"newer": 1}


SPANS = [
    ({}, ["B", "a", "a/1", "a/2", "b", "é", "\N{GRINNING FACE}"]),
    ({"prefix": "a"}, ["a", "a/1", "a/2"]),
    ({"prefix": "a/"}, ["a/1", "a/2"]),
    ({"start": "a/1"}, ["a/1", "a/2", "b", "é", "\N{GRINNING FACE}"]),
    ({"start_after": "a/1"}, ["a/2", "b", "é", "\N{GRINNING FACE}"]),
    ({"end": "a/2"}, ["B", "a", "a/1"]),
    ({"start": "a", "end": "b"}, ["a", "a/1", "a/2"]),
    ({"prefix": "a", "start_after": "a", "end": "a/2"}, ["a/1"]),
    ({"limit": 2}, ["B", "a"]),
    ({"reverse": True}, ["\N{GRINNING FACE}", "é", "b", "a/2", "a/1", "a", "B"]),
    ({"start": "a", "end": "b", "reverse": True}, ["a/2", "a/1", "a"]),
    ({"prefix": "a", "reverse": True, "limit": 1}, ["a/2"]),
    ({"start": "x", "end": "a"}, []),
    ({"prefix": "none"}, []),
]


@pytest.mark.parametrize("place", ["stored", "buffered", "both"])
async def test_s3_list(define, place):
    """Ascending by UTF-8 bytes; `start` included, `start_after` and `end` excluded."""

    class Listing(Room):
        async def on_request(self, request):
            storage = self.storage
            if request.method == "PUT":
                storage.put_many(request.data)
                return {}
            for key in request.data["delete"]:
                storage.delete(key)
            storage.put_many(request.data["put"])
            spans = request.data["spans"]
            return [list(await storage.list(**span)) for span in spans]

    room = await define(Listing)
    everything = {key: f"value of {key}" for key in reversed(SPANS[0][1])}
    stored = {"stored": everything, "buffered": {}, "both": {}}[place]
    put = {"stored": {}, "buffered": everything, "both": {}}[place]
    delete = []
    if place == "both":
        for number, (key, value) in enumerate(everything.items()):
            (stored if number % 2 else put)[key] = value
        stored |= {"a/15": "gone", "zz": "gone"}
        delete = ["a/15", "zz"]
    await room.data("PUT", json=stored)
    spans = [span for span, _ in SPANS]
    listed = await room.data(
        "POST", json={"put": put, "delete": delete, "spans": spans}
    )

    for (span, expected), keys in zip(SPANS, listed, strict=True):
        assert keys == expected, span


async def test_s4_a_transaction_is_all_or_nothing(define):
    """An exception in the block drops the block's writes only."""

    class Paying(Room):
        async def on_request(self, request):
            storage = self.storage
            storage.put_many({"before": 1, "both": 1})
            try:
                async with storage.transaction():
                    storage.put_many({"inside": 1, "both": 2})
                    storage.delete("before")
                    inside = await storage.list()
                    raise ValueError
            except ValueError:
                failed = await storage.list()
            async with storage.transaction():
                storage.put("second", 1)
            return [inside, failed, await storage.list()]

    room = await define(Paying)

    before = {"before": 1, "both": 1}
    inside = {"both": 2, "inside": 1}
    assert await room.data() == [inside, before, {**before, "second": 1}]


async def test_s4_transactions_may_be_nested(define):
    """The inner one's failure is no failure of the outer one."""

    class Paying(Room):
        async def on_request(self, request):
            storage = self.storage
            async with storage.transaction():
                storage.put("outer", 1)
                try:
                    async with storage.transaction():
                        storage.put("inner", 1)
                        raise ValueError
                except ValueError:
                    storage.put("after", 1)
            return await storage.list()

    room = await define(Paying)

    assert await room.data() == {"after": 1, "outer": 1}


async def test_s5_sync_commits_what_was_written_so_far(define):
    """This turn's writes, too: what comes later is a unit of its own."""

    class Syncing(Room):
        async def on_request(self, request):
            if request.method == "POST":
                self.storage.put("before", 1)
                await self.storage.sync()
                self.storage.put("after", 1)
                raise RuntimeError
            return await self.storage.list()

    room = await define(Syncing)

    assert (await room.request("POST")).status_code == 500
    assert await room.data() == {"before": 1}


@pytest.mark.parametrize("form", ["coroutine", "function"])
async def test_s9_atomic_commits_the_orm_and_the_room_together(define, server, form):
    """What your models and the room store, and what it then says, happens or not."""

    class Selling(Room):
        async def on_request(self, request):
            name, fails = request.data["name"], request.data["fails"]
            async with self.storage.atomic():
                await User.objects.acreate(username=f"{self.id} {name}")
                self.storage.put(name, "sold")
                self.broadcast(f"sold to {name}")
                await gate(self.id)
                if fails:
                    raise ValueError
            return await self.storage.list()

    class SellingInAThread(Room):
        def on_request(self, request):
            name, fails = request.data["name"], request.data["fails"]
            with self.storage.atomic():
                User.objects.create(username=f"{self.id} {name}")
                self.storage.put(name, "sold")
                self.broadcast(f"sold to {name}")
                async_to_sync(gate)(self.id)
                if fails:
                    raise ValueError
            return async_to_sync(self.storage.list)()

    def users():
        query = "SELECT username FROM auth_user WHERE username LIKE ?"
        return [row[0] for row in execute(server.database, query, f"{room.room_id} %")]

    room = await define(Selling if form == "coroutine" else SellingInAThread)
    alice = await room.join("alice")
    order = {"name": "bob", "fails": False}
    buying = asyncio.create_task(room.data("POST", json=order))
    await room.reached()
    during = users()
    await room.open_gate()
    bought = await buying
    failed = await room.request("POST", json={"name": "carol", "fails": True})
    again = await room.data("POST", json={"name": "dave", "fails": False})

    assert (during, bought) == ([], {"bob": "sold"})
    assert failed.status_code == 500
    assert again == {"bob": "sold", "dave": "sold"}
    assert users() == [f"{room.room_id} bob", f"{room.room_id} dave"]
    assert [await alice.receive() for _ in range(2)] == ["sold to bob", "sold to dave"]


async def test_s9_atomic_begins_with_the_fence(define, server, on):
    """A replaced owner writes nothing: neither its own rows nor your models'."""

    class Selling(Room):
        async def on_message(self, message, sender):
            async with self.storage.atomic():
                await User.objects.acreate(username=f"{self.id} {message}")
                self.storage.put("last", message)
                sender.send("sold")

    room = await define(Selling)
    alice = await room.join("alice")
    assert await alice.ask("one") == "sold"
    execute(
        server.database,
        "UPDATE partyrooms_roomrecord SET epoch = epoch + 1 WHERE room_id = ?",
        room.room_id,
    )
    await alice.send("two")

    assert (await alice.closed())[0] == on(uvicorn=1012, daphne=1011)
    query = "SELECT username FROM auth_user WHERE username LIKE ?"
    users = execute(server.database, query, f"{room.room_id} %")
    assert users == [(f"{room.room_id} one",)]
