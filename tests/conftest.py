"""What every test can ask for, and what a run tells at its end."""

import os
import secrets

import pytest
from hypothesis import HealthCheck, settings

from tests.needs import STRICT

FIGURE = "figure"
"""The user property of a test whose value is told at the end of the run."""

# No verdict by time: on a loaded machine an example, or making one, takes seconds.
# A check of a commit judges that commit: its examples are the same each time. All
# other runs search at random, `make chaos` longest.
settings.register_profile(
    "patient",
    deadline=None,
    derandomize=STRICT in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


def pytest_configure():
    """Choose the run's seed, unless it is given: the run's processes inherit it."""
    os.environ.setdefault("PARTYROOMS_SEED", str(secrets.randbelow(10**6)))


def pytest_collection_modifyitems(items):
    """
    Keep in one process what shares servers: a module, and all of one kind of server.

    It counts where processes share the tests by groups (``--dist loadgroup``).
    """
    for item in items:
        module = item.nodeid.partition("::")[0]
        kind = getattr(item, "callspec", None) and item.callspec.params.get("kind")
        if kind is not None and module.startswith("tests/conformance/"):
            module = f"tests/conformance, {kind}"
        item.add_marker(pytest.mark.xdist_group(module))


def pytest_terminal_summary(terminalreporter):
    """Say the seed, and what experiments have measured; none of it is a verdict."""
    terminalreporter.section("experiments")
    terminalreporter.line(f"PARTYROOMS_SEED={os.environ['PARTYROOMS_SEED']}")
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            for name, value in report.user_properties:
                if name == FIGURE:
                    terminalreporter.line(value)
