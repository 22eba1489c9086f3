"""The code of README and tutorial, run in the order in which a reader types it."""

import ast
import json
import re
import shlex
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from examples.catalogue import EXAMPLES
from tests.docs.pages import Block, all_pages, blocks_of
from tests.docs.project import Project
from tests.servers.client import Client, open_socket
from tests.servers.database import ROOT

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
HOW_TO = ROOT / "docs" / "how-to"
DEPLOY_ONE = HOW_TO / "deploy-one-process.md"
HOW_TO_TEST = HOW_TO / "test.md"
LOG = HOW_TO / "log-and-watch.md"

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}

# What the tests' own environment stands for, and what needs the whole repository.
NOT_RUN = ("mkdir ", "cd ", "python3 -m venv ", ". ", "pip install ", "make ")


@pytest.fixture
def project(tmp_path) -> Iterator[Project]:
    """An empty folder."""
    project = Project(tmp_path)
    yield project
    project.stop()


OpenTab = Callable[[str], Awaitable[Client]]


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


class Reader:
    """
    Types the blocks of a page, one after the other.

    Where the reader's server reloads itself, the reader's test starts it again.

    Args:
        blocks: Of the page.
        project: Where to.
    """

    def __init__(self, blocks: list[Block], project: Project) -> None:
        self._blocks = blocks
        self._project = project
        self._printed = ""

    def follow(self, section: str) -> None:
        """Do what stands on the page up to the end of a section."""
        assert section in {block.section for block in self._blocks}, section
        while self._blocks and self._has_not_passed(section):
            self._do(self._blocks.pop(0))

    def _has_not_passed(self, section: str) -> bool:
        return section in {block.section for block in self._blocks}

    def _do(self, block: Block) -> None:
        if block.language in ("python", "html"):
            self._project.write(block)
            self._project.reload()
        elif block.language == "sh":
            lines = block.text.replace("\\\n", " ").splitlines()
            self._printed = "".join(map(self._type, lines))
        elif block.language == "text":
            assert _alike(block.text) in _alike(self._printed), block.place
        else:
            raise AssertionError(f"{block.place}: who runs {block.language}?")

    def _type(self, line: str) -> str:
        if line.startswith(NOT_RUN):
            return ""
        if line.startswith("export "):
            self._project.export(line)
            return ""
        if line.startswith("curl "):
            return self._ask(*shlex.split(line)[1:])
        if line.startswith("uvicorn ") or "runserver" in line:
            self._project.serve(line)
            return ""
        return self._project.run(line)

    def _ask(self, *arguments: str) -> str:
        """Do what curl does with these arguments."""
        *options, url = arguments
        path = url.removeprefix("http://127.0.0.1:8000")
        if not options:
            return self._project.get(path).text
        flag, data = options
        name, _, value = data.partition("=" if flag == "-d" else ": ")
        if flag == "-H":
            return self._project.get(path, headers={name: value}).text
        assert flag == "-d"
        return self._project.post(path, {name: value}).text


def _alike(text: str) -> str:
    """Equal for outputs that differ in numbers only, and in how they are padded."""
    return " ".join(re.sub(r"\d+", "0", text).split())


async def test_the_readme_does_what_it_says(project, open_tab):
    """The room and the wiring of the README are all that a new project needs."""
    blocks = [b for b in blocks_of(README) if "mysite" in b.text or "chat/" in b.text]
    reader = Reader(blocks, project)
    project.run("django-admin startproject mysite .")
    project.run("python manage.py startapp chat")

    reader.follow("The wiring")  # its last command starts the server
    project.stop()
    checked = project.run("python manage.py check")
    project.run("python manage.py migrate")
    project.serve(blocks_of(README)[-1].text.strip())
    alice, bob = await open_tab("tea"), await open_tab("tea")
    greetings = [await alice.receive_json(), await bob.receive_json()]
    await alice.send("hi")
    heard = await bob.receive()
    project.stop(signal.SIGKILL)
    project.serve(blocks_of(README)[-1].text.strip())
    answer = project.get("/parties/chat/tea")

    assert "partyrooms.W006" in checked  # "the two options that SQLite needs"
    assert "partyrooms.W007" in checked
    assert greetings == [[], []]
    assert heard == "hi"
    assert answer.json() == {"messages": ["hi"]}


def test_the_readme_names_targets_that_exist():
    """``make demo`` and ``make test`` stand at the top and are in the Makefile."""
    first, second = blocks_of(README)[:2]

    makefile = (ROOT / "Makefile").read_text()

    assert (first.text, second.text) == ("make demo\n", "make test\n")
    assert "\ndemo:" in makefile
    assert "\ntest:" in makefile


async def test_the_tutorial_does_what_it_says(project, open_tab):
    """Each block of the tutorial works, and between them two tabs see what it says."""
    reader = Reader(blocks_of(TUTORIAL), project)

    reader.follow("4. A page")
    page = project.get("/chat/tea/")
    assert '<script id="room" type="application/json">"tea"</script>' in page.text
    alice, bob = await open_tab("tea"), await open_tab("tea")
    await alice.send("hi")
    assert await alice.receive_json() == await bob.receive_json() == ["hi"]

    reader.follow("5. History")
    alice, bob = await open_tab("tea"), await open_tab("tea")
    assert await alice.receive_json() == await bob.receive_json() == []
    await alice.send("hi")
    assert await alice.receive_json() == await bob.receive_json() == ["hi"]
    project.reload()
    alice = await open_tab("tea")
    assert await alice.receive_json() == ["hi"]

    reader.follow("6. HTTP on the same room")  # curl's answers are compared there
    kitchen = await open_tab("kitchen")
    assert await kitchen.receive_json() == ["hello from curl"]
    browser = {"Accept": "text/html"}
    browsable = project.get("/parties/chat/kitchen", headers=browser)
    assert "Django REST framework" in browsable.text

    reader.follow("7. A test")
    await open_tab("tea"), await open_tab("kitchen")  # the reader's are open still
    reader.follow("8. Look inside")
    tea, kitchen = await open_tab("tea"), await open_tab("kitchen")  # by uvicorn now
    assert await tea.receive_json() == ["hi"]
    assert await kitchen.receive_json() == ["hello from curl"]
    project.post("/parties/chat/kitchen", {"text": "and again"})
    assert await kitchen.receive_json() == ["and again"]


def write_tutorial(project):
    """Have the project as it is at the end of the tutorial."""
    project.run("django-admin startproject mysite .")
    project.run("python manage.py startapp chat")
    for block in blocks_of(TUTORIAL):
        if block.language in ("python", "html"):
            project.write(block)


def test_a_deployed_process_answers_as_the_page_says(project):
    """The tutorial's project, with the settings and the command of the page."""
    write_tutorial(project)

    reader = Reader(blocks_of(DEPLOY_ONE), project)
    reader.follow("The command")  # it compares what check and curl print

    without_host = project.get("/parties/chat/tea")
    assert without_host.status_code == 400
    assert (project.folder / "static" / "rest_framework").is_dir()
    assert (project.folder / "static" / "admin").is_dir()


def test_the_log_has_the_lines_that_the_page_shows(project):
    """LOGGING of the page gives a record's time, level, logger, action and room."""
    write_tutorial(project)
    Reader(blocks_of(DEPLOY_ONE), project).follow("The command")
    sample, shown, _, health, *asking = blocks_of(LOG)

    Reader([sample, health], project).follow("What to watch")
    Reader(asking, project).follow("What to watch")  # it compares what curl prints
    foreign = HANDSHAKE | {
        "Origin": "https://elsewhere.example",
        "Host": "chat.example.com",
        "X-Forwarded-Proto": "https",
    }
    denial = project.get("/parties/chat/tea", headers=foreign)

    assert denial.status_code == 403
    printed = project.printed("handshake_denied")
    assert _alike(printed) == _alike(shown.text)


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


@pytest.mark.parametrize("example", [example.folder for example in EXAMPLES])
def test_each_example_has_a_short_test_that_the_page_shows(example):
    """docs/how-to/test.md has it as it stands in its file, and at most 20 lines."""
    path = f"tests/examples/test_{example}.py"

    shown = [
        text
        for block in blocks_of(HOW_TO_TEST)
        if block.language == "python"
        for name, _, text in block.files()
        if name == path
    ]

    (test,) = shown
    assert test in (ROOT / path).read_text()
    assert test.startswith("async def test_")
    assert len(test.splitlines()) <= 20


@pytest.mark.parametrize("example", [example.folder for example in EXAMPLES])
def test_each_example_is_short(example):
    """Its rooms.py fits on one screen."""
    text = (ROOT / "examples" / example / "rooms.py").read_text()

    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=block.place)
        for page in all_pages()
        for block in blocks_of(page)
        if block.language in ("python", "json")
    ],
)
def test_every_block_can_be_parsed(block):
    """Code on the pages is Python (with ``await`` where a hook has it), or JSON."""
    if block.language == "json":
        json.loads(block.text)
    else:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile(block.text, block.place, "exec", flags)
