"""A reader's project, for the tests that type the pages along."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.docs.project import OpenTab, Project
from tests.servers.client import Client, open_socket


@pytest.fixture
def project(tmp_path) -> Iterator[Project]:
    """An empty folder."""
    project = Project(tmp_path)
    yield project
    project.stop()


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
