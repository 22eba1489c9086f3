"""The guides that end with tests of their own, typed along after the tutorial."""

import pytest

from tests.docs.pages import blocks_of
from tests.docs.reader import Reader
from tests.servers.client import open_socket
from tests.servers.database import ROOT

HOW_TO = ROOT / "docs" / "how-to"
DESIGN = HOW_TO / "design-a-room.md"


@pytest.mark.parametrize("page", [DESIGN], ids=lambda page: page.stem)
def test_the_tests_of_the_page_pass(tutorial, page):
    """Each block is typed in order, and what is printed is compared with the page."""
    blocks = blocks_of(page)

    Reader(blocks, tutorial).follow(blocks[-1].section)


async def test_an_audience_is_led_to_its_shards(tutorial):
    """design-a-room.md: the URL names the audience, the socket is in a shard of it."""
    blocks = [b for b in blocks_of(DESIGN) if b.section != "Test the design"]
    Reader(blocks, tutorial).follow(blocks[-1].section)
    tutorial.run("python manage.py makemigrations board")
    tutorial.run("python manage.py migrate")
    tutorial.serve("uvicorn mysite.asgi:application")

    url = f"{tutorial.ws_url}/parties/audience/tea"
    socket = await open_socket(url, origin=tutorial.http_url)
    echoed = await socket.ask("hi")
    listed = tutorial.run("python manage.py rooms list")
    await socket.close()

    assert echoed == "hi"
    assert "stand/tea-" in listed
    assert "audience/tea" not in listed
