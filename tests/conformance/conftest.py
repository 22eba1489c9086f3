"""What rows are proved with, and the results for the conformance table."""

import json
import re
from pathlib import Path

import pytest

from tests.servers.fixtures import (  # noqa: F401
    define,
    hasty,
    kind,
    own,
    pair,
    server,
    servers,
    tight,
    visitor,
)

OPTION = "--conformance-results"


def pytest_addoption(parser):
    parser.addoption(OPTION, help="Write what each test proved to this JSON file.")


@pytest.fixture
def on(request, kind):  # noqa: F811
    """
    What to expect where Daphne differs from uvicorn; the table says so.

    ``on(uvicorn=1009, daphne=1011)`` is the value for the present server. ``instead``
    is how the table puts Daphne's; default: "1011 instead of 1009".
    """

    def choose(*, uvicorn, daphne, instead=None):
        if kind == "daphne" and uvicorn != daphne:
            text = instead or f"{daphne} instead of {uvicorn}"
            request.node.user_properties.append(("instead", text))
        return daphne if kind == "daphne" else uvicorn

    return choose


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and isinstance(item, pytest.Function):
        rows, fact = re.match(r"test_((?:[a-z]\d+_)*)(\w+)", item.name).groups()
        callspec = getattr(item, "callspec", None)
        group = item.get_closest_marker("xdist_group")
        rule = (item.function.__doc__ or "").strip().partition("\n\n")[0]
        report.conformance = {
            "test": item.nodeid.removesuffix(f"@{group.args[0]}"),
            "place": [item.location[0], item.location[1]],
            "rows": rows.upper().split("_")[:-1],
            "kind": callspec.params.get("kind") if callspec else None,
            "fact": fact,
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
        # In the order of the files, whatever the order of the run was.
        self.tests.sort(key=lambda test: (test["place"], test["test"]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.tests, indent=1))


def pytest_configure(config):
    path = config.getoption(OPTION, None)
    # Where a run has several processes, the first one hears of all tests.
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(Path(path)))
