"""Servers for all tests of a run, and the results for the conformance table."""

import json
import re
from pathlib import Path

import pytest

from tests.servers.process import KINDS, make_server
from tests.servers.visitor import visit

OPTION = "--conformance-results"


def pytest_addoption(parser):
    parser.addoption(OPTION, help="Write what each test proved to this JSON file.")


PROFILES = {
    "usual": {},
    # Limits that a test can reach in no time.
    "tight": {
        "PARTYROOMS": {
            "ALLOWED_ORIGINS": ["https://friend.example"],
            "MAILBOX_SIZE": 20,
            "MAX_BODY_SIZE": 2000,
            "MAX_ROOM_SIZE": 100_000,
            "MAX_VALUE_SIZE": 50_000,
        },
        "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
    },
    "hasty": {
        "PARTYROOMS": {"CONNECT_TIMEOUT": 0.5, "HOOK_TIMEOUT": 1, "IDLE_TIMEOUT": 0.2}
    },
}


@pytest.fixture(scope="session")
def servers():
    """The run's servers by kind and profile, started when first asked for."""
    running = {}

    def get(kind, profile):
        if (kind, profile) not in running:
            server = make_server(kind, settings=PROFILES[profile])
            server.start_blocking()
            running[kind, profile] = server
        server = running[kind, profile]
        if not server.is_running:
            # Some test killed it, and has failed; the others have not.
            server.start_blocking()
        return server

    yield get
    for server in running.values():
        server.stop_blocking()


@pytest.fixture(params=KINDS)
def kind(request):
    """Which server; a test that runs one of its own asks for this."""
    return request.param


@pytest.fixture
def server(kind, servers):
    """A server that other tests use as well: each has rooms of its own."""
    return servers(kind, "usual")


@pytest.fixture
async def tight(kind, servers):
    """A client of a server with small limits."""
    async with visit(servers(kind, "tight")) as visitor:
        yield visitor


@pytest.fixture
async def hasty(kind, servers):
    """A client of a server with short times."""
    async with visit(servers(kind, "hasty")) as visitor:
        yield visitor


@pytest.fixture
async def visitor(server):
    """A client of that server, without cookies."""
    async with visit(server) as visitor:
        yield visitor


@pytest.fixture
async def define(visitor):
    """Make a room class on the server; the address of a new room of it."""
    return visitor.define


@pytest.fixture
def on(request, kind):
    """
    What to expect where the two servers differ; the table says so.

    ``on(uvicorn=1009, daphne=1011)`` is the value for the present server. ``instead``
    is how the table puts Daphne's; default: "1011 instead of 1009".
    """

    def choose(*, uvicorn, daphne, instead=None):
        if kind == "daphne" and uvicorn != daphne:
            text = instead or f"{daphne} instead of {uvicorn}"
            request.node.user_properties.append(("instead", text))
        return {"uvicorn": uvicorn, "daphne": daphne}[kind]

    return choose


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and isinstance(item, pytest.Function):
        names = re.match(r"test_((?:[a-z]\d+_)*)", item.name)[1].upper()
        callspec = getattr(item, "callspec", None)
        rule = (item.function.__doc__ or "").strip().partition("\n\n")[0]
        report.conformance = {
            "test": item.nodeid,
            "rows": names.split("_")[:-1],
            "kind": callspec.params.get("kind") if callspec else None,
            "rule": " ".join(rule.split()),
        }
    return report


class Results:
    """Gathers the outcome of every test and writes them at the end."""

    def __init__(self, path):
        self.path = path
        self.tests = []

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and (test := getattr(report, "conformance", None)):
            instead = [v for name, v in report.user_properties if name == "instead"]
            test |= {"outcome": report.outcome, "instead": instead}
            self.tests.append(test)

    def pytest_sessionfinish(self):
        self.tests.sort(key=lambda test: test["test"])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.tests, indent=1))


def pytest_configure(config):
    if path := config.getoption(OPTION, None):
        config.pluginmanager.register(Results(Path(path)))
