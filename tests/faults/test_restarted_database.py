"""D9: what a project's own queries in rooms make of a database that was restarted."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.db import connection as database

from tests.faults.lab.services import Postgres
from tests.servers.command import manage
from tests.servers.process import serve
from tests.servers.visitor import Room, visit

ROOMS = 4
"""So many connections are open when the database ends them all."""

RESTART = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
"""To its clients it is what a restart is, and other tests keep their server."""


@pytest.fixture(scope="module")
def postgres():
    return Postgres()


@pytest.fixture(scope="module")
def site(postgres):
    """Connections that nothing but an error ends."""
    url = urlsplit(postgres.name)
    entry = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.removeprefix("/"),
        "USER": url.username,
        "HOST": parse_qs(url.query)["host"][0],
        "CONN_MAX_AGE": None,
    }
    settings = {"DATABASES": {"default": entry}}
    done = manage("migrate", settings=settings)
    assert done.returncode == 0, done.stderr
    return settings


class Counting(Room):
    """Asks the database in one way or another."""

    async def on_request(self, request):
        way = request.subpath.strip("/")
        if way == "task":
            return {"count": await self.create_task(self.ask())}
        if way == "atomic":
            async with self.storage.atomic():
                return {"count": await self.ask()}
        return {"count": await self.ask()}

    async def ask(self):
        return await sync_to_async(self.query)()  # as the async ORM does

    def query(self):
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")  # several at the same time
            return cursor.rowcount


class PlainlyCounting(Room):
    """Asks it in a plain hook."""

    def on_request(self, request):
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
            return {"count": cursor.rowcount}


@pytest.mark.parametrize("way", ["hook", "task", "atomic", "plain"])
async def test_d9_hooks_meet_a_restarted_database_once(site, postgres, way):
    """D9: one query fails, whatever number of threads had a connection."""
    room_class = PlainlyCounting if way == "plain" else Counting
    async with serve("uvicorn", settings=site) as server, visit(server) as visitor:
        room = await visitor.define(room_class)
        rooms = [room, *(room.other() for _ in range(ROOMS - 1))]
        before = await asyncio.gather(*(one.data(path=f"/{way}") for one in rooms))
        postgres.execute(RESTART)
        answers = [await one.request(path=f"/{way}") for one in (*rooms, *rooms)]

        assert before == [{"count": 1}] * ROOMS
        statuses = [one.status_code for one in answers]
        assert [one for one in statuses if one != 200][1:] == []
