"""docs/how-to/come-from-channels.md: a consumer and a room in one project."""

from tests.docs.pages import blocks_of
from tests.docs.reader import Reader
from tests.servers.client import open_socket
from tests.servers.database import ROOT

PAGE = ROOT / "docs" / "how-to" / "come-from-channels.md"


async def test_a_consumer_moves_step_by_step(tutorial, open_tab):
    """Side by side each has its own clients; with the bridge they see each other."""
    reader = Reader(blocks_of(PAGE), tutorial)
    tutorial.run("python manage.py migrate")

    reader.follow("Side by side")
    tutorial.serve("uvicorn mysite.asgi:application")
    old, new = await open_old(tutorial), await open_tab("tea")
    await old.send('{"text": "old"}')
    await new.send('{"text": "new"}')
    assert await old.receive_json() == {"text": "old"}
    assert await new.receive_json() == {"text": "new"}
    await old.close()

    reader.follow("While both are in use")  # it serves the files anew
    old, new = await open_old(tutorial), await open_tab("tea")
    await old.send('{"text": "from the old page"}')
    heard = [await old.receive_json(), await new.receive_json()]
    await new.send('{"text": "from the new page"}')
    heard += [await old.receive_json(), await new.receive_json()]
    await old.close()

    assert (
        heard
        == [{"text": "from the old page"}] * 2 + [{"text": "from the new page"}] * 2
    )


async def open_old(tutorial):
    """A socket to the consumer."""
    return await open_socket(f"{tutorial.ws_url}/ws/chat/tea/")
