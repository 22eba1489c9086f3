"""SPEC 4: the async ORM of rooms, which runs in threads (G1)."""

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from tests.servers.site.journal import note
from tests.servers.visitor import Room


@pytest.mark.parametrize("way", ["hook", "task", "stream"])
async def test_g1_a_query_of_one_room_holds_up_no_other(define, way):
    """Async ORM calls of a room wait for those of that room only."""

    class Slow(Room):
        is_over = threading.Event()

        async def on_request(self, request):
            if request.subpath == "/end":
                self.is_over.set()
                return {}
            if request.subpath == "/stream":
                return self.stream()
            if request.subpath == "/task":
                self.create_task(self.work())
                return {}
            if request.subpath == "/hook":
                await self.work()
            return {"users": await User.objects.acount()}

        async def stream(self):
            await self.work()
            yield "over"

        async def work(self):
            await sync_to_async(self.query)()  # as the async ORM does

        def query(self):
            note(self.id, "begun")
            self.is_over.wait(60)

    slow = await define(Slow)
    asking = asyncio.create_task(slow.request(path=f"/{way}"))
    await slow.notes(until="begun")
    users = await slow.other().data()
    await slow.other().data(path="/end")
    await asking

    assert list(users) == ["users"]
