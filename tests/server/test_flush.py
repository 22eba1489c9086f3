"""What a flush, which ends each TransactionTestCase, means for rooms that run."""

import asyncio

import pytest
from django.core.management import call_command
from django.test import Client

from partyrooms import Room, parties
from partyrooms.conf import get_settings
from partyrooms.models import RoomRecord
from partyrooms.server.flush import leave_emptied_database
from partyrooms.server.host import background_loop
from partyrooms.server.node import Node
from partyrooms.server.nodes import existing_node, nodes, use_node
from partyrooms.server.start import current_node
from partyrooms.testing.memory_store import MemoryStore
from tests.deadline import DEADLINE

pytestmark = pytest.mark.django_db(transaction=True)


class Counting(Room):
    """Counts, and keeps the count."""

    party = "emptied-counting"

    async def on_start(self):
        self.count = await self.storage.get("count", 0)

    async def on_request(self, request):
        self.count += 1
        self.storage.put("count", self.count)
        return {"count": self.count}


@pytest.fixture(autouse=True)
def background(settings):
    """URLs of rooms; no node of the background loop is left behind."""
    settings.ROOT_URLCONF = "partyrooms.urls"
    yield

    async def close():
        if (node := existing_node()) is not None:
            await node.close()

    asyncio.run_coroutine_threadsafe(close(), background_loop()).result(DEADLINE)


def count():
    response = Client().post("/parties/emptied-counting/lobby")
    return response.status_code, response.json()


def empty():
    call_command("flush", verbosity=0, interactive=False)


def test_rooms_start_anew_in_an_emptied_database():
    """A test does not meet the rooms of the one before."""
    assert [count(), count()] == [(200, {"count": 1}), (200, {"count": 2})]

    empty()

    assert not RoomRecord.objects.exists()
    assert count() == (200, {"count": 1})


@pytest.mark.parametrize("using", ["default", "other"])
def test_rooms_whose_rows_are_there_go_on(using):
    """post_migrate is also sent where nothing was emptied."""
    count()

    leave_emptied_database(using=using)

    assert count() == (200, {"count": 2})


async def test_rooms_in_memory_have_no_rows_to_lose():
    """Nor is any other database theirs."""
    node = Node(MemoryStore(), name="memory", settings=get_settings())
    use_node(node)

    await asyncio.to_thread(leave_emptied_database, using="default")

    assert existing_node() is node
    await node.close()


def test_a_loop_that_stands_still_is_told_for_later():
    """A test runner may keep it for its next test."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_fetch())
    assert loop in dict(nodes())

    empty()
    loop.run_until_complete(asyncio.sleep(0))

    assert loop not in dict(nodes())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _fetch():
    current_node()  # as a server's loop has one
    await parties["emptied-counting"].get("lobby").fetch()
