"""Two kinds of tables, each shared by several stores as by several processes."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from django.db import connections

from partyrooms.directory import Directory
from partyrooms.models import Node
from partyrooms.store.database import DatabaseStore
from partyrooms.store.memory import MemoryStore, MemoryTables


class MemoryWorld:
    """Stores over one set of memory tables."""

    def __init__(self):
        self.tables = MemoryTables()

    @asynccontextmanager
    async def store(self):
        store = MemoryStore(self.tables)
        yield store
        await store.close()

    async def declare_dead(self, store):
        """What an observer does to a node that is silent for too long."""
        self.tables.dead.add(store.node_id)


class DatabaseWorld:
    """Stores over one database."""

    @asynccontextmanager
    async def store(self):
        directory = Directory(
            uuid4(), database="default", heartbeat_interval=60.0, lease_ttl=300.0
        )
        store = DatabaseStore(directory)
        store.node_id = directory.node_id
        yield store
        await store.close()

    async def declare_dead(self, store):
        """What an observer does to a node that is silent for too long."""

        def mark():
            marked = Node.objects.filter(pk=store.node_id).update(state="dead")
            connections.close_all()
            return marked

        assert await asyncio.to_thread(mark) == 1


@pytest.fixture(
    params=[
        pytest.param(MemoryWorld, id="memory"),
        pytest.param(
            DatabaseWorld, id="database", marks=pytest.mark.django_db(transaction=True)
        ),
    ]
)
def world(request):
    """Where stores live; every test of the contract runs in both."""
    return request.param()


@pytest.fixture
async def store(world):
    """One store."""
    async with world.store() as store:
        yield store


@pytest.fixture
async def other(world):
    """A store of another node on the same tables."""
    async with world.store() as store:
        yield store
