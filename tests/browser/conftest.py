"""The demo on a real server, and visitors with browsers of their own."""

import secrets
import shutil
import subprocess
import sys
from collections import Counter
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright, expect

from tests.deadline import DEADLINE
from tests.needs import need
from tests.servers.database import ROOT, environment
from tests.servers.process import make_server

ARTEFACTS = ROOT / "artefacts"

expect.set_options(timeout=DEADLINE * 1000)


@pytest.fixture(scope="session")
def chromium():
    """The browser's path."""
    path = shutil.which("chromium")
    need(path is not None, "Chromium", "apt-get install chromium")
    return path


@pytest.fixture(scope="module")
def kind():
    """Which server serves the demo; a test may ask for the other."""
    return "uvicorn"


@pytest.fixture(scope="module")
def server(chromium, kind):
    """The demo, for all tests of a module; each uses rooms of its own."""
    server = make_server(
        kind, application="project.asgi:application", settings_module="project.settings"
    )
    server.start_blocking()
    yield server
    server.stop_blocking()


@pytest.fixture(scope="module")
def admin(server):
    """A superuser's name and password."""
    name = password = "admin"
    subprocess.run(
        [
            *(sys.executable, "-m", "django", "createsuperuser", "--noinput"),
            *("--username", name, "--email", "admin@example.com"),
        ],
        cwd=ROOT,
        env={
            **environment("project.settings", server.database),
            "DJANGO_SUPERUSER_PASSWORD": password,
        },
        check=True,
        timeout=DEADLINE,
    )
    return name, password


@pytest.fixture
async def browser(chromium):
    """A headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-background-networking"],
            timeout=DEADLINE * 1000,
        )
        yield browser
        await browser.close()


@pytest.fixture
async def visit(browser, server):
    """
    Open a page as somebody new: ``await visit("/chat/tea/", name="Ada")``.

    At the end no script may have failed and no other host may have been asked.
    """
    failures = []
    hosts = Counter()

    async def visit(path, name=None, **options):
        context = await browser.new_context(base_url=server.http_url, **options)
        context.set_default_timeout(DEADLINE * 1000)
        if name is not None:
            await context.add_init_script(
                f"localStorage['partyrooms.name'] ??= {name!r}"
            )
        page = await context.new_page()
        page.on("pageerror", lambda error: failures.append(error))
        page.on("request", lambda asked: hosts.update([urlsplit(asked.url).netloc]))
        await page.goto(path)
        return page

    yield visit
    assert failures == []
    assert set(hosts) == {f"127.0.0.1:{server.port}"}


@pytest.fixture
def keep():
    """Keep a picture of a page as ``artefacts/<name>.png``: to be looked at."""
    ARTEFACTS.mkdir(exist_ok=True)

    async def keep(page, name, **options):
        await page.screenshot(path=ARTEFACTS / f"{name}.png", **options)

    return keep


@pytest.fixture
def room_id():
    """A room that no other test uses."""
    return f"room-{secrets.token_hex(3)}"


@pytest.fixture
def fits():
    """Assert that a page does not scroll to the side."""

    async def fits(page):
        inside, outside = await page.evaluate(
            "[document.documentElement.scrollWidth, innerWidth]"
        )
        assert inside <= outside

    return fits
