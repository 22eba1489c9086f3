"""``manage.py rooms doctor`` at deployments of which each has one fault."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest

from tests.servers.command import manage
from tests.servers.database import folder, new_database
from tests.servers.ports import new_port
from tests.servers.process import serve

SETTINGS = "tests.servers.site.settings"


async def examine(*address, database=None, settings=None):
    """What the doctor prints, and whether it finds nothing wrong."""
    done = await asyncio.to_thread(
        manage,
        *("rooms", "doctor", *address),
        database=database or new_database(SETTINGS),
        settings=settings,
    )
    assert "Traceback" not in done.stderr
    return done


async def found_at(server, address=None, **options):
    """The faults, one after the other, of which a test expects one."""
    done = await examine(
        address or server.http_url, database=server.database, **options
    )
    assert done.returncode == 1, done.stdout
    return re.findall(r"^\d\. (.*)", done.stdout, re.MULTILINE)


async def pump(reader, writer):
    while piece := await reader.read(65_536):
        writer.write(piece)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def proxy_before(server, change=lambda head: head, *, buffers=False):
    """A proxy of HTTP that changes each request's head, or holds answers back."""

    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        far_writer.write(change(head))
        back = asyncio.create_task(pump(reader, far_writer))
        if buffers and b"Upgrade" not in head:
            writer.write(await far_reader.read())
        await pump(far_reader, writer)
        await back

    # Only its own end ends what it carries: a visitor may leave at any time.
    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://localhost:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


async def test_o11_a_good_deployment_has_no_fault():
    """O11: exit code 0; and the doctor's room is there for nobody else."""
    async with serve("serve") as server:
        done = await examine(server.http_url, database=server.database)

    assert done.stdout == "No fault found.\n"
    assert done.returncode == 0


async def test_o11_a_proxy_that_changes_the_host():
    """O11: a page's origin is foreign then; what the server believes is told."""

    def change(head):
        return re.sub(rb"Host: [^\r]*", b"Host: 127.0.0.1", head, flags=re.IGNORECASE)

    async with serve("uvicorn") as server, proxy_before(server, change) as address:
        (fault,) = await found_at(server, address)

    assert "takes itself for http://127.0.0.1," in fault


async def test_o11_a_proxy_without_upgrade():
    """O11: the server sees a plain request."""

    def change(head):
        return re.sub(rb"(Upgrade|Connection): [^\r]*\r\n", b"", head)

    async with serve("uvicorn") as server, proxy_before(server, change) as address:
        (fault,) = await found_at(server, address)

    assert "does not pass Upgrade and Connection on" in fault


async def test_o11_a_proxy_that_buffers():
    """O11: what is streamed does not come."""
    async with (
        serve("uvicorn") as server,
        proxy_before(server, buffers=True) as address,
    ):
        (fault,) = await found_at(server, address)

    assert "holds an answer back until it is complete" in fault


async def test_o11_compression_is_on():
    """O11: it costs each broadcast a multiple."""
    async with serve("wsproto") as server:
        (fault,) = await found_at(server)

    assert "compresses each message" in fault


async def test_o11_a_frame_limit_below_that_of_rooms():
    """O11: with the size that a room would take."""
    limit = ("--ws-max-size", "1000")
    async with serve("uvicorn", arguments=limit) as server:
        (fault,) = await found_at(server)

    assert "does not let a frame of 1048576 bytes through" in fault


async def test_o11_a_host_that_is_not_allowed():
    """O11: the public one is not in ALLOWED_HOSTS."""
    settings = {"ALLOWED_HOSTS": ["127.0.0.1"]}
    async with serve("uvicorn", settings=settings) as server:
        address = server.http_url.replace("127.0.0.1", "localhost")
        (fault,) = await found_at(server, address, settings=settings)

    assert "refuses its host (400)" in fault


async def test_o11_daphne_serves_in_production():
    """O11: it is known by what it calls itself."""
    async with serve("daphne") as server:
        faults = await found_at(server)

    assert any("is served by Daphne" in one for one in faults)


async def test_o11_two_processes_without_a_layer_that_they_share():
    """O11: each refuses the other one's rooms."""
    async with (
        serve("uvicorn") as server,
        serve("uvicorn", database=server.database) as other,
    ):
        await examine(server.http_url, database=server.database)
        faults = await found_at(other)

    assert any("without a channel layer that they share" in one for one in faults)


async def test_o11_nothing_answers_at_the_address():
    """O11: said in one line, not by a traceback."""
    done = await examine(f"http://127.0.0.1:{new_port()}")

    assert "does not open: ConnectionRefusedError" in done.stdout


async def test_o11_no_one_else_gets_into_the_doctors_room():
    """O11: without a token of the project's SECRET_KEY it is not there."""
    async with serve("uvicorn") as server:
        strange = {"SECRET_KEY": "of another project"}
        (fault,) = await found_at(server, settings=strange)

    assert "no room is there (404)" in fault


MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
REDIS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
    }
}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"MIDDLEWARE": MIDDLEWARE}, "partyrooms.E005: MIDDLEWARE lacks"),
        ({"ROOT_URLCONF": "django.contrib.auth.urls"}, "partyrooms.E004: The URLs of"),
        ({"CHANNEL_LAYERS": REDIS}, "does not give a message back (ConnectionError"),
    ],
    ids=["no middleware", "no urls", "no redis"],
)
async def test_o11_wrong_settings(settings, fault):
    """O11: without a server, too."""
    done = await examine(settings=settings)

    assert done.returncode == 1
    assert fault in done.stdout


async def test_o11_redis_8_beside_channels_redis(tmp_path, monkeypatch):
    """O11: known by what is installed; here its metadata comes first."""
    installed = tmp_path / "redis-8.0.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: redis\nVersion: 8.0.0\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    done = await examine(settings={"CHANNEL_LAYERS": REDIS})

    assert "partyrooms.W004: redis-py 8 is installed" in done.stdout


async def test_o11_a_database_that_is_not_migrated():
    """O11: with the command that does it."""
    done = await examine(database=folder() / "empty.sqlite3")

    assert "lacks tables or columns" in done.stdout
    assert "manage.py migrate" in done.stdout


@pytest.mark.parametrize(
    ("name", "options", "fault"),
    [
        ("{}", {"init_command": "PRAGMA max_page_count=1"}, "disk is full"),
        ("file:{}?mode=ro", {}, "readonly database"),
    ],
    ids=["full", "read-only"],
)
async def test_o11_a_database_that_takes_nothing(name, options, fault):
    """O11: a full disk and a database that is read-only show when it is written."""
    file = new_database(SETTINGS)
    default = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name.format(file),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", **options},
    }

    done = await examine(database=file, settings={"DATABASES": {"default": default}})

    assert re.search(rf"cannot be written: .*{fault}", done.stdout)
