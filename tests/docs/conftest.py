"""A reader's project, for the tests that type the pages along."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.docs.pages import blocks_of
from tests.docs.project import OpenTab, Project
from tests.servers.client import Client, open_socket
from tests.servers.database import ROOT


@pytest.fixture
def project(tmp_path) -> Iterator[Project]:
    """An empty folder."""
    project = Project(tmp_path)
    yield project
    project.stop()


@pytest.fixture
def tutorial(project) -> Project:
    """The project as it is at the end of the tutorial."""
    project.run("django-admin startproject mysite .")
    project.run("python manage.py startapp chat")
    for block in blocks_of(ROOT / "docs" / "tutorial.md"):
        if block.language in ("python", "html"):
            project.write(block)
    return project


@pytest.fixture
async def open_tab(project) -> AsyncIterator[OpenTab]:
    """Opens a socket to a room of the party ``chat``, as the page does."""
    tabs: list[Client] = []

    async def open_(room: str) -> Client:
        url = f"{project.ws_url}/parties/chat/{room}"
        tabs.append(await open_socket(url, origin=project.http_url))
        return tabs[-1]

    yield open_
    for tab in tabs:
        await tab.close()
