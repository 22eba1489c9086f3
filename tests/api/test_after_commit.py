"""``on_commit=True`` of a stub's calls, with real transactions on SQLite."""

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.db import connections, transaction
from django.db.transaction import TransactionManagementError
from django.test import TestCase
from django.utils.connection import ConnectionDoesNotExist

from partyrooms import Room, parties, rpc
from partyrooms.server.start import current_node
from partyrooms.testing import running_room
from tests.runtime.stage import patiently, turns_of_the_loop

pytestmark = pytest.mark.django_db(transaction=True)


class Board(Room):
    """Keeps what it is told, and tells it."""

    party = "commit-board"

    async def on_start(self):
        self.kept = []

    async def on_request(self, request):
        return self.kept

    @rpc
    async def keep(self, *words, **more):
        self.kept.append([*words, more])
        self.broadcast("kept")
        return "result"

    @rpc
    async def fail(self):
        raise ZeroDivisionError("only for the log")


@pytest.fixture
async def room():
    async with running_room(Board, "lobby") as room:
        yield room


@pytest.fixture
def lobby(room):
    return parties["commit-board"].get("lobby")


class RolledBack(Exception):
    """Ends a transaction."""


async def in_sync_code(function):
    """Run a function as a sync view is run: its transaction is its thread's own."""

    def run():
        try:
            return function()
        finally:
            connections.close_all()

    return await sync_to_async(run)()


async def test_p7_it_waits_for_the_commit(room, lobby):
    """P7: from sync code, whose transaction it is."""
    alice = await room.connect("alice")
    before = []

    def view():
        with transaction.atomic():
            User.objects.create(username="ada")
            broadcast = async_to_sync(lobby.broadcast)
            assert broadcast("saved", on_commit=True) is None
            before.extend(alice.received)

    await in_sync_code(view)

    # When the block has ended, the room has it: nobody needs to wait for it.
    assert before == []
    assert alice.received == ["saved"]


async def test_p7_a_rolled_back_transaction_broadcasts_nothing(room, lobby):
    """P7: nor does it call anything."""
    alice = await room.connect("alice")

    def view():
        with transaction.atomic():
            User.objects.create(username="ada")
            async_to_sync(lobby.broadcast)("saved", on_commit=True)
            async_to_sync(lobby.call)("keep", 1, on_commit=True)
            raise RolledBack

    with pytest.raises(RolledBack):
        await in_sync_code(view)
    await lobby.broadcast("end")

    assert alice.received == ["end"]
    assert (await lobby.fetch()).data == []
    assert not await User.objects.aexists()


async def test_p7_a_savepoint_that_is_rolled_back(room, lobby):
    """P7: takes only its own with it, as with Django's ``on_commit``."""
    alice = await room.connect("alice")

    def view():
        broadcast = async_to_sync(lobby.broadcast)
        with transaction.atomic():
            broadcast("outer", on_commit=True)
            try:
                with transaction.atomic():
                    broadcast("inner", on_commit=True)
                    raise RolledBack
            except RolledBack:
                broadcast("after", on_commit=True)

    await in_sync_code(view)

    assert alice.received == ["outer", "after"]


async def test_p7_a_call_has_the_arguments_of_its_time(room, lobby):
    """P7: what the caller changes later is not what was meant. Nothing is returned."""
    words = ["first"]
    returned = []

    def view():
        with transaction.atomic():
            call = async_to_sync(lobby.call)
            returned.append(call("keep", words, a=1, on_commit=True))
            words.append("second")

    await in_sync_code(view)

    assert returned == [None]
    assert (await lobby.fetch()).data == [[["first"], {"a": 1}]]


async def test_p7_without_a_transaction_it_is_done_at_once(room, lobby):
    """P7: in async code, and in sync code that has begun none; nothing is returned."""
    alice = await room.connect("alice")

    await lobby.broadcast("one", on_commit=True)
    returned = await lobby.call("keep", on_commit=True)
    await in_sync_code(lambda: async_to_sync(lobby.broadcast)("two", on_commit=True))

    assert returned is None
    assert alice.received == ["one", "kept", "two"]


async def test_p7_async_code_around_a_transaction(room, lobby):
    """P7: it asks from within the thread that has the transaction."""
    alice = await room.connect("alice")

    @sync_to_async
    def save():
        with transaction.atomic():
            async_to_sync(announce)()
            raise RolledBack

    async def announce():
        await lobby.broadcast("saved", on_commit=True)
        await lobby.broadcast("at once")

    with pytest.raises(RolledBack):
        await save()

    assert alice.received == ["at once"]


@pytest.mark.parametrize("is_in_transaction", [True, False])
async def test_p7_an_error_is_logged(lobby, caplog, is_in_transaction):
    """P7: the transaction has committed all the same."""

    def view():
        with transaction.atomic():
            User.objects.create(username="ada")
            async_to_sync(lobby.call)("fail", on_commit=True)

    if is_in_transaction:
        await in_sync_code(view)
        assert await User.objects.aexists()
    else:
        await lobby.call("fail", on_commit=True)

    (record,) = [one for one in caplog.records if one.name == "partyrooms.parties"]
    assert "call() of commit-board/lobby failed" in record.getMessage()
    assert "ZeroDivisionError: only for the log" in str(record.exc_info[1])


async def test_p7_a_mistake_is_told_at_once(lobby, caplog):
    """P7: what could never be sent, and a database that is not there."""
    with pytest.raises(TypeError, match="broadcast"):
        await lobby.broadcast(object(), on_commit=True)
    with pytest.raises(TypeError, match="JSON-able"):
        await lobby.call("keep", object(), on_commit=True)
    with pytest.raises(ConnectionDoesNotExist):
        await lobby.broadcast("a", on_commit="nowhere")

    assert not caplog.records


async def test_p7_manual_transactions_are_refused(lobby):
    """P7: as by Django's ``on_commit``: nobody could tell when they commit."""

    def view():
        transaction.set_autocommit(False)
        try:
            async_to_sync(lobby.broadcast)("saved", on_commit=True)
        finally:
            transaction.set_autocommit(True)

    with pytest.raises(TransactionManagementError):
        await in_sync_code(view)


async def test_p7_a_hook_of_another_room(room, lobby):
    """P7: a plain hook with a transaction of its own."""

    class Teller(Room):
        party = "commit-teller"

        def on_request(self, request):
            stub = self.parties["commit-board"].get("lobby")
            with transaction.atomic():
                User.objects.create(username="ada")
                async_to_sync(stub.broadcast)("told", on_commit=True)
                heard = list(alice.received)
            connections.close_all()
            return [heard, list(alice.received)]

    alice = await room.connect("alice")
    response = await parties["commit-teller"].get("a").fetch()
    await turns_of_the_loop()

    assert response.data == [[], ["told"]]


async def test_p7_many_threads_at_once(room, lobby):
    """P7: each has a transaction of its own."""
    alice = await room.connect("alice")

    def view(number):
        with transaction.atomic():
            User.objects.create(username=str(number))
            async_to_sync(lobby.broadcast)(str(number), on_commit=True)
            if number % 2:
                raise RolledBack

    def run(number):
        try:
            return view(number)
        finally:
            connections.close_all()

    runs = (asyncio.to_thread(run, number) for number in range(6))
    results = await asyncio.gather(*runs, return_exceptions=True)

    assert [isinstance(one, RolledBack) for one in results] == [False, True] * 3
    assert sorted(alice.received) == ["0", "2", "4"]


class Selfish(Room):
    """Calls its own room with ``on_commit=True``, in the way that is asked for."""

    party = "commit-selfish"

    async def on_request(self, request):
        self.kept = []
        await getattr(self, request.data)()
        self.broadcast("request")

    @rpc
    async def keep(self, word):
        self.broadcast(word)

    async def call(self, word="later"):
        stub = self.parties[self.party].get(self.id)
        await stub.call("keep", word, on_commit=True)

    async def in_a_hook(self):
        await self.call()

    async def in_a_thread(self):
        await sync_to_async(self.in_a_receiver, thread_sensitive=False)()

    def in_a_receiver(self):
        try:
            with transaction.atomic():
                User.objects.create(username="ada")
                async_to_sync(self.call)()
        finally:
            connections.close_all()

    async def in_a_block(self):
        async with self.storage.atomic():
            await User.objects.acreate(username="ada")
            await self.call()

    async def in_a_plain_block(self):
        def run():
            with self.storage.atomic():
                User.objects.create(username="ada")
                async_to_sync(self.call)()

        await sync_to_async(run, thread_sensitive=False)()

    async def in_background(self):
        self.task = self.create_task(self.call())

    async def in_a_block_in_background(self):
        self.task = self.create_task(self.in_a_block())


WAYS = [name for name in vars(Selfish) if name.startswith("in_") and "rec" not in name]


@pytest.mark.parametrize("way", WAYS)
async def test_p10_a_room_hears_of_itself_as_of_a_later_event(way, caplog):
    """P10: nobody waits for it, so it is no cycle; from wherever the call is made."""
    node = current_node()
    try:
        stub = parties["commit-selfish"].get(way)
        async with stub.socket() as socket:
            answer = await patiently(stub.fetch("/", "POST", json=way))

            heard = {await patiently(anext(socket)) for _ in range(2)}
    finally:
        await patiently(node.close())

    assert answer.status_code == 204
    assert heard == {"request", "later"}
    assert [one for one in caplog.records if one.name == "partyrooms.parties"] == []


async def test_p10_it_comes_behind_the_event_that_has_called():
    """P10: in the order of the room, and only if the transaction commits."""
    async with running_room(Selfish, "one") as room:
        alice = await room.connect("alice")

        await room.post(json="in_a_hook")
        await turns_of_the_loop()

        assert alice.received == ["request", "later"]


class ProjectsOwnTest(TestCase):
    """A project's ``TestCase``, whose transaction never commits."""

    def test_p7_captured(self):
        """P7: Django's own means to see what would be done."""
        stub = parties["commit-board"].get("captured")

        with self.captureOnCommitCallbacks() as callbacks:
            async_to_sync(stub.broadcast)("saved", on_commit=True)

        assert len(callbacks) == 1
