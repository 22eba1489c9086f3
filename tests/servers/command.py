"""``manage.py`` for the test site, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    file = database or folder() / "none.sqlite3"
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT,
        env={
            **environment(SETTINGS_MODULE, file),
            "PARTYROOMS_SITE": json.dumps(settings or {}),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
