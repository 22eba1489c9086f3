"""``manage.py startroom``: from an empty project to a page that chats between two."""

import shutil

import pytest
from playwright.async_api import async_playwright, expect

from tests.deadline import DEADLINE
from tests.docs.pages import blocks_of
from tests.docs.reader import Reader
from tests.needs import need
from tests.servers.database import ROOT

COMMANDS = ROOT / "docs" / "reference" / "commands.md"
SECTION = "`manage.py startroom`"


@pytest.fixture
def started(project):
    """An empty project after what the page says: its server runs."""
    project.run("django-admin startproject mysite .")
    blocks = [block for block in blocks_of(COMMANDS) if block.section == SECTION]
    Reader(blocks, project).follow(SECTION)
    return project


async def test_three_commands_lead_to_a_chat(started, open_tab):
    """The page is there with its script, two clients chat, and the app's tests pass."""
    page = started.get("/chat/tea/")
    script = started.get("/static/chat/room.js")
    ada, bob = await open_tab("tea"), await open_tab("tea")
    await ada.receive_json(), await bob.receive_json()
    await ada.send("hi")
    late = await open_tab("tea")

    assert 'data-address="/parties/chat/tea"' in page.text
    assert script.status_code == 200
    assert await ada.receive_json() == await bob.receive_json() == ["hi"]
    assert await late.receive_json() == ["hi"]
    assert "no issues" in started.run("python manage.py check")
    tested = started.run("python manage.py test chat")
    assert "Ran 4 tests" in tested
    assert "OK" in tested


async def test_two_tabs_of_a_browser_chat(started):
    """What one tab sends both show, as text; a restart of the server keeps it."""
    path = shutil.which("chromium")
    need(path is not None, "Chromium", "apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=DEADLINE * 1000
        )
        tabs = [await browser.new_page() for _ in range(2)]
        for tab in tabs:
            await tab.goto(f"{started.http_url}/chat/tea & cake/")

        await tabs[0].get_by_label("Message").fill("<b>hi")
        await tabs[0].get_by_role("button", name="Send").click()

        for tab in tabs:
            shown = tab.get_by_role("listitem")
            await expect(shown).to_have_text(["<b>hi"], timeout=DEADLINE * 1000)
        started.reload()
        for tab in tabs:
            await expect(tab.get_by_role("status")).to_have_text(
                "Connected", timeout=DEADLINE * 1000
            )
            await expect(tab.get_by_role("listitem")).to_have_text(["<b>hi"])
        await browser.close()


def test_without_the_option_it_says_what_is_missing(project):
    """The lines are printed, and no file of the project is changed."""
    project.run("django-admin startproject mysite .")
    settings = project.folder / "mysite" / "settings.py"
    settings.write_text(f'{settings.read_text()}\nINSTALLED_APPS += ["partyrooms"]\n')
    before = contents(settings.parent)

    printed = project.run("python manage.py startroom table_tennis")

    room = (project.folder / "table_tennis" / "rooms.py").read_text()
    assert "class TableTennis(Room):" in room
    assert "Add to mysite/settings.py:" in printed
    assert 'path("table_tennis/", include("table_tennis.urls")),' in printed
    assert contents(settings.parent) == before


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("json", "'json' is the name of a Python module already."),
        ("tea-room", "'tea-room' is no name of an app"),
        ("notes", "notes/rooms.py exists. Nothing was written."),
        ("chat", "There is a party 'chat' already."),
    ],
)
def test_what_exists_is_not_written_over(tutorial, label, reason):
    """The command says why it wrote nothing."""
    notes = tutorial.folder / "notes"
    notes.mkdir()
    (notes / "rooms.py").write_text("# Mine.\n")
    before = contents(tutorial.folder)

    with pytest.raises(AssertionError, match=reason):
        tutorial.run(f"python manage.py startroom {label}")

    assert contents(tutorial.folder) == before


def contents(folder):
    """The text of each file, those that Python compiles left out."""
    files = [
        file for file in folder.rglob("*") if file.suffix in (".py", ".html", ".js")
    ]
    return {file: file.read_text() for file in files}
