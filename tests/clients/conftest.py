"""A server and a Node process with the npm packages."""

import shutil

import pytest

from tests.clients.partysocket import FOLDER, run_node
from tests.needs import need
from tests.servers.process import make_server
from tests.servers.visitor import visit


@pytest.fixture(scope="session")
def node_modules():
    """Node and the packages that ``package.json`` names."""
    need(shutil.which("node") is not None, "Node", "apt-get install nodejs npm")
    is_there = (FOLDER / "node_modules" / "partysocket").is_dir()
    need(is_there, "The npm package partysocket", "make node-modules")


@pytest.fixture
async def node(node_modules):
    """Where the sockets of a test live."""
    async with run_node() as node:
        yield node


@pytest.fixture(scope="module")
def server(node_modules):
    """uvicorn, for all tests of a module."""
    server = make_server("uvicorn")
    server.start_blocking()
    yield server
    server.stop_blocking()


@pytest.fixture
def host(server):
    """Host and port, as partysocket takes them."""
    return f"127.0.0.1:{server.port}"


@pytest.fixture
async def visitor(server):
    """Defines rooms on the server and reads their notes."""
    async with visit(server) as visitor:
        yield visitor
