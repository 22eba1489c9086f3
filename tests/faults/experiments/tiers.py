"""Which experiments run when: some at each run, all in CI, all at length for chaos."""

import os

import pytest

from tests.faults.lab.laboratory import IS_LONG
from tests.needs import STRICT

IN_FULL = pytest.mark.skipif(
    not IS_LONG and os.environ.get(STRICT) != "1",
    reason="takes minutes with its like; to run it: make chaos",
)
"""Only where minutes may pass, or where nothing may be skipped."""
