"""The code of README and tutorial, run in the order in which a reader types it."""

import ast
import json
import signal

import pytest

from examples.catalogue import EXAMPLES
from tests.docs.pages import all_pages, blocks_of
from tests.docs.reader import Reader
from tests.servers.database import ROOT

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
HOW_TO_TEST = ROOT / "docs" / "how-to" / "test.md"


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
