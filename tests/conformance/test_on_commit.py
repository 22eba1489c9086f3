"""SPEC P10: a room that calls itself when its hook's transaction has committed."""

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import transaction

from tests.servers.visitor import Room


async def test_p10_a_hooks_call_of_its_own_room_comes_as_a_later_event(define):
    """From `atomic()` of Django and of the storage, in `def` and `async def` alike."""

    class Shop(Room):
        def on_message(self, message, sender):
            block = self.storage.atomic if message == "block" else transaction.atomic
            with block():
                User.objects.get_or_create(username="ada")
                async_to_sync(self.announce)(message)
            self.broadcast(f"handled {message}")

        async def on_request(self, request):
            async with self.storage.atomic():
                await User.objects.aget_or_create(username="ada")
                await self.announce("request")
            self.broadcast("handled request")

        async def announce(self, message):
            stub = self.parties[self.party].get(self.id)
            await stub.broadcast(f"saved {message}", on_commit=True)

    room = await define(Shop)
    alice = await room.join("alice")

    heard = []
    for message in ("transaction", "block"):
        heard += [await alice.ask(message), await alice.receive()]
    await room.request()
    heard += [await alice.receive(), await alice.receive()]

    assert heard == [
        *("handled transaction", "saved transaction"),
        *("handled block", "saved block"),
        *("handled request", "saved request"),
    ]
