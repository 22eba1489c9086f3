"""The how-to pages, typed along in the project of the tutorial."""

from tests.docs.pages import blocks_of
from tests.docs.reader import Reader, alike
from tests.servers.client import open_socket
from tests.servers.database import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.md"
HOW_TO = ROOT / "docs" / "how-to"
DEPLOY_ONE = HOW_TO / "deploy-one-process.md"
HOW_TO_TEST = HOW_TO / "test.md"
PORT = HOW_TO / "port-from-partykit.md"
LOG = HOW_TO / "log-and-watch.md"

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}


async def test_the_ported_counter_answers_where_partysocket_asks(tutorial):
    """Without a party, ``partysocket`` asks for the party ``main``."""
    tutorial.run("python manage.py startapp counter")
    settings = tutorial.folder / "mysite" / "settings.py"
    settings.write_text(f'{settings.read_text()}\nINSTALLED_APPS += ["counter"]\n')
    tutorial.run("python manage.py migrate")
    ported = [b for b in blocks_of(PORT) if b.language != "js"]
    tutorial.write(ported[0])
    tutorial.serve("uvicorn mysite.asgi:application")

    reader = Reader(ported[1:], tutorial)
    reader.follow("An example")  # curl's answer is compared there
    socket = await open_socket(f"{tutorial.ws_url}/party/tea", origin=tutorial.http_url)

    assert await socket.receive_json() == 0
    await socket.send("+1")
    assert await socket.receive_json() == 1
    await socket.close()
    reader.follow("Requests, queries and names")


def test_a_deployed_process_answers_and_logs_as_the_pages_say(tutorial):
    """Settings and command of one page, LOGGING and health check of the other."""
    sample, shown, _, health, *asking = blocks_of(LOG)
    Reader(blocks_of(DEPLOY_ONE), tutorial).follow("The command")  # check, curl
    without_host = tutorial.get("/parties/chat/tea")

    Reader([sample, health], tutorial).follow("What to watch")
    Reader(asking, tutorial).follow("What to watch")  # it compares what curl prints
    foreign = HANDSHAKE | {
        "Origin": "https://elsewhere.example",
        "Host": "chat.example.com",
        "X-Forwarded-Proto": "https",
    }
    denial = tutorial.get("/parties/chat/tea", headers=foreign)

    assert without_host.status_code == 400
    assert (tutorial.folder / "static" / "rest_framework").is_dir()
    assert (tutorial.folder / "static" / "admin").is_dir()
    assert denial.status_code == 403
    assert alike(tutorial.printed("handshake_denied")) == alike(shown.text)


def test_rooms_are_tested_as_the_page_says(project):
    """The tests of docs/how-to/test.md pass on the tutorial's room."""
    for command in (
        "django-admin startproject mysite .",
        "python manage.py startapp chat",
    ):
        project.run(command)
    for block in [*blocks_of(TUTORIAL), *blocks_of(HOW_TO_TEST)]:
        is_ours = block.section == "Tests of the examples"
        if block.language in ("python", "ini") and block.files() and not is_ours:
            project.write(block)

    by_django = project.run("python manage.py test")
    by_pytest = project.run("python -m pytest -q -p no:cacheprovider")

    assert "Ran 5 tests" in by_django
    assert "OK" in by_django
    assert "locked" not in by_django
    assert "6 passed" in by_pytest  # one of them is a function, for pytest only
