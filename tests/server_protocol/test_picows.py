"""What is used of picows beyond what it promises, and what serves without it."""

import ast
import logging
import os
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from partyrooms.server import websocket_parser
from partyrooms.server.websocket_protocol import PicowsProtocol
from partyrooms.server.websockets import Protocol
from tests.servers.database import ROOT

NAMES = """
import importlib.metadata, logging, sys
{before}
logging.basicConfig(format="%(name)s %(message)s")
from partyrooms.server.websockets import Protocol
print(Protocol and Protocol.__name__)
from django.conf import settings
assert not settings.configured
"""


def choose(before: str = "") -> subprocess.CompletedProcess[str]:
    """Import the class in a process of its own, after some mischief."""
    return subprocess.run(
        [sys.executable, "-c", NAMES.format(before=before)],
        cwd=ROOT,
        env={n: v for n, v in os.environ.items() if n != "DJANGO_SETTINGS_MODULE"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_the_picows_of_this_environment_is_one_that_was_tested():
    """A new series makes this fail: look whether WSProtocol has moved."""
    assert version("picows").rpartition(".")[0] == websocket_parser.TESTED
    assert Protocol is PicowsProtocol


def test_the_extra_asks_for_the_series_that_was_tested():
    """So that nobody installs a picows that is not used."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = map(Requirement, project["optional-dependencies"]["fast"])
    picows = next(one for one in wanted if one.name == "picows")

    assert picows.specifier.contains(f"{websocket_parser.TESTED}.0")
    assert not picows.specifier.contains("2.4.0")


def test_the_private_class_is_named_in_one_module():
    """Nothing else has to change when it moves."""
    naming = [
        path.name
        for path in (ROOT / "partyrooms").rglob("*.py")
        if "picows.picows" in path.read_text("utf-8")
    ]

    assert naming == ["websocket_parser.py"]


def test_it_stands_by_itself():
    """It imports neither rooms nor Django, and asks for no settings."""
    done = choose()
    imported = {
        name
        for path in (ROOT / "partyrooms" / "server").glob("websocket*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in imports(node)
    }

    assert done.stdout.split() == ["PicowsProtocol"]
    assert done.stderr == ""
    ours = {name for name in imported if name.startswith("partyrooms")}
    assert all(name.startswith("partyrooms.server.websocket") for name in ours)
    others = {name.partition(".")[0] for name in imported - ours}
    assert others - sys.stdlib_module_names == {"picows", "uvicorn"}


def imports(node):
    """The modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize(
    ("mischief", "why"),
    [
        ("sys.modules['picows'] = None", "picows"),
        ("sys.modules['picows.picows'] = None", "picows"),
        ("import picows.picows; del picows.picows.WSProtocol", "WSProtocol"),
        (
            "old = importlib.metadata.version\n"
            "importlib.metadata.version = "
            "lambda name: '3.0.1' if name == 'picows' else old(name)",
            "picows 3.0.1 is installed; 2.3.* was tested",
        ),
    ],
    ids=["no picows", "no module", "no class", "a new series"],
)
def test_without_a_picows_that_is_known(mischief, why):
    """uvicorn's own class serves, and one log line says so."""
    done = choose(mischief)

    assert done.stdout.split() == ["WebSocketsSansIOProtocol"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("partyrooms.server WebSockets are served by uvicorn's own")
    assert why in line
    assert 'pip install "partyrooms[fast]"' in line


async def test_a_parser_that_moved_is_noticed():
    """What the module counts on: a handshake that is read, and complaints written."""

    heard = []
    parser = websocket_parser.Parser(None, heard.append, 100)
    parser.feed(b"\x81\x81\0\0\0\0a")
    parser.feed(b"\x83\x80\0\0\0\0")

    assert heard == ["a"]
    assert parser.violation is not None
    assert (parser.violation.code, parser.violation.reason[:8]) == (1002, "Received")


def test_picows_logs_nothing(caplog):
    """Neither for each connection nor for what clients do."""
    caplog.set_level(logging.DEBUG)

    websocket_parser._LOG.info("a client")
    websocket_parser._LOG.error("a client's mistake")

    assert caplog.records == []
