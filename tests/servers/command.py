"""``manage.py`` and scripts of the test site, in processes of their own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.deadline import DEADLINE
from tests.servers.database import ROOT, environment, folder

SETTINGS_MODULE = "tests.servers.site.settings"


def manage(
    *arguments: str,
    settings: Mapping[str, Any] | None = None,
    database: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """
    Run a command of the site; it may fail.

    Args:
        arguments: As after ``manage.py``.
        settings: Django settings that differ; JSON-able.
        database: A server's file; None: there is none.
    """
    return _run(["-m", "django", *arguments], settings, database)


def script(
    source: str,
    *arguments: str,
    settings: Mapping[str, Any] | None = None,
    database: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """
    Run a plain script that uses the site; it may fail.

    Args:
        source: Python; Django is set up in front of it.
        arguments: What it finds in ``sys.argv[1:]``.
        settings: Django settings that differ; JSON-able.
        database: A server's file; None: there is none.
    """
    source = f"import django\ndjango.setup()\n{source}"
    return _run(["-c", source, *arguments], settings, database)


def _run(
    arguments: list[str], settings: Mapping[str, Any] | None, database: Path | None
) -> subprocess.CompletedProcess[str]:
    file = database or folder() / "none.sqlite3"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **environment(SETTINGS_MODULE, file),
            "PARTYROOMS_SITE": json.dumps(settings or {}),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
