"""SPEC 5: what storage keeps, how much of it, and how long (S6, S7, S11)."""

import pytest

from partyrooms import StorageLimitExceeded
from tests.servers.process import serve
from tests.servers.visitor import Room, visit

VALUES = [
    "None",
    "True",
    "0",
    "-(2**63)",
    "2**64",
    "10**40",
    "1.5",
    "float('inf')",
    "''",
    "'\\xe9 \\0 \\U0001f600'",
    "b''",
    "b'\\0\\xff'",
    "[1, [2, {'a': (3,)}]]",
    "{'': {'\\xe9': None}}",
    "()",
    "(1, (2, [3]))",
    "set()",
    "{(1, 'a')}",
    "datetime(2024, 2, 29, 12, 30, 15, 123456)",
    "datetime(2024, 2, 29, 12, tzinfo=UTC)",
    "datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo('Europe/Berlin'))",
    "datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30)))",
    "date(2024, 2, 29)",
    "clock(12, 30, 15, 123456)",
    "timedelta(days=-1, microseconds=1)",
    "Decimal('1.10')",
    "UUID(int=7)",
]


@pytest.mark.parametrize("text", VALUES)
async def test_s6_values_come_back_equal_and_of_the_same_type(define, text):
    """JSON types, bytes, dates and times, `Decimal`, `UUID`, `tuple`, `set`."""

    class Keeping(Room):
        async def on_request(self, request):
            value = eval(text)  # noqa: S307
            if request.method == "POST":
                self.storage.put("value", value)
            kept = await self.storage.get("value", "missing")
            return [kept == value, type(kept) is type(value), repr(kept) == repr(value)]

    room = await define(Keeping)

    assert await room.data("POST") == [True, True, True]
    assert await room.data() == [True, True, True]


async def test_s6_other_values_are_refused_at_put(define):
    """A `TypeError` that says what is allowed; nothing is written."""

    class Keeping(Room):
        async def on_request(self, request):
            class Own(dict):
                pass

            texts = []
            for value in (object(), 1j, {1: "a"}, [object()], Own(), lambda: None):
                try:
                    self.storage.put("value", value)
                except TypeError as error:
                    texts.append(str(error))
            return [texts, await self.storage.list()]

    room = await define(Keeping)
    texts, stored = await room.data()

    assert len(texts) == 6
    assert all("str" in text for text in texts)
    assert stored == {}


async def test_s7_keys_have_limits(define):
    """1 to 2,048 bytes of UTF-8; beyond: `StorageLimitExceeded`, nothing written."""

    class Keeping(Room):
        async def on_request(self, request):
            refused = []
            for key in ("", "x" * 2048, "x" * 2049, "é" * 1024, "é" * 1025):
                try:
                    self.storage.put(key, 1)
                except StorageLimitExceeded:
                    refused.append(len(key))
            return [refused, sorted(map(len, await self.storage.list()))]

    room = await define(Keeping)

    assert await room.data() == [[0, 2049, 1025], [1024, 2048]]


async def test_s7_values_have_a_limit(define):
    """1 MiB encoded by default."""

    class Keeping(Room):
        async def on_request(self, request):
            sizes = []
            for size in (1024 * 1024 - 16, 1024 * 1024):
                try:
                    self.storage.put(str(size), b"x" * size)
                except StorageLimitExceeded as error:
                    sizes.append(str(error.limit))
            return [sizes, list(await self.storage.list())]

    room = await define(Keeping)

    assert await room.data() == [["1048576"], ["1048560"]]


async def test_s7_a_room_has_a_limit(tight):
    """`MAX_ROOM_SIZE` over all keys and values; deleting makes room again."""

    class Hoarding(Room):
        async def on_request(self, request):
            outcomes = []
            for name in "abcd":
                try:
                    self.storage.put(name, b"x" * 40_000)
                    outcomes.append(name)
                except StorageLimitExceeded as error:
                    outcomes.append(type(error).__name__)
            if request.method == "DELETE":
                self.storage.delete("a")
                self.storage.put("e", b"x" * 40_000)
            return [outcomes, list(await self.storage.list())]

    room = await tight.define(Hoarding)
    full = ["a", "b", "StorageLimitExceeded", "StorageLimitExceeded"]

    assert await room.data() == [full, ["a", "b"]]
    assert await room.data("DELETE") == [full, ["b", "e"]]
    too_big = ["StorageLimitExceeded", "b", *full[2:]]
    assert await room.data() == [too_big, ["b", "e"]]


async def test_s11_what_was_answered_outlives_the_process(kind):
    """kill -9 loses no write whose effect anyone saw."""
    async with serve(kind) as server:
        async with visit(server) as visitor:
            room = visitor.room("counter", "survivor")
            alice = await room.join("alice")
            answers = [await alice.ask(f"op-{n}") for n in range(10)]
            await server.kill()
        await server.start()
        async with visit(server) as visitor:
            room = visitor.room("counter", "survivor")
            stored = await room.data()

    assert answers[-1] == "op-9 10"
    assert stored["count"] == 10
