"""A reader's project."""

from tests.docs.conftest import open_tab, project, tutorial  # noqa: F401
