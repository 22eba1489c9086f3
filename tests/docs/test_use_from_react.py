"""docs/how-to/use-from-react.md: the page's component, in React, against its room."""

import asyncio
import json
import shutil
import signal

import pytest

from tests.clients.partysocket import FOLDER
from tests.deadline import DEADLINE
from tests.docs.pages import blocks_of
from tests.needs import need
from tests.servers.database import ROOT

PAGE = ROOT / "docs" / "how-to" / "use-from-react.md"

REFUSAL = """
    @classmethod
    def on_before_connect(cls, request, lobby):
        from partyrooms import Reject

        if lobby.room_id == "secret":
            raise Reject(4401)
"""


@pytest.fixture
def served(tutorial):
    """The page's room on a server, and its component beside the npm packages."""
    need(shutil.which("node") is not None, "Node", "apt-get install nodejs npm")
    packages = FOLDER / "node_modules"
    need((packages / "react").is_dir(), "The npm package react", "make node-modules")
    for block in blocks_of(PAGE):
        if block.language == "python":
            tutorial.write(block)
        elif block.language in ("js", "jsx"):
            name = block.text.partition("\n")[0].removeprefix("// src/")
            (tutorial.folder / name).write_text(block.text)
    (tutorial.folder / "package.json").write_text('{"type": "module"}')
    (tutorial.folder / "node_modules").symlink_to(packages)
    tutorial.run("python manage.py migrate")
    tutorial.serve("uvicorn mysite.asgi:application")
    return tutorial


@pytest.fixture
def refusing(served):
    """The same, with a room that takes no client."""
    rooms = served.folder / "chat" / "rooms.py"
    rooms.write_text(f"{rooms.read_text()}{REFUSAL}")
    served.reload()
    return served


@pytest.fixture
async def chat(served):
    """The rendered component, connected to the room ``tea``."""
    process = await render(served, "tea")
    yield Chat(process)
    process.kill()
    await process.wait()


async def render(served, room):
    """A process that shows the component."""
    return await asyncio.create_subprocess_exec(
        *("node", FOLDER / "chat_driver.mjs", served.folder),
        *(f"127.0.0.1:{served.port}", room),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


class Chat:
    """The component in its own process, and what it has shown so far."""

    def __init__(self, process):
        self._process = process
        self.renderings = []

    async def say(self, text):
        self._process.stdin.write(f"{text}\n".encode())
        await self._process.stdin.drain()

    async def shows(self, *expected):
        """Wait until messages, pending and readiness are these."""
        async with asyncio.timeout(DEADLINE):
            while not self.renderings or self.renderings[-1] != [*expected]:
                line = await self._process.stdout.readline()
                assert line, self.renderings
                self.renderings.append(json.loads(line))


async def test_a_message_is_shown_at_once_and_kept_once(served, chat, open_tab):
    """Optimistic, confirmed by the room, and said again after a lost connection."""
    await chat.shows([], [], True)
    await chat.say("one")
    await chat.shows(["one"], [], True)
    assert [[], ["one"], True] in chat.renderings

    served.stop(signal.SIGKILL)
    await chat.shows(["one"], [], False)
    await chat.say("two")
    await chat.say("three")
    await chat.shows(["one"], ["two", "three"], False)
    served.serve("uvicorn mysite.asgi:application")
    await chat.shows(["one", "two", "three"], [], True)

    history = await (await open_tab("tea")).receive_json()
    assert [message["text"] for message in history["messages"]] == [
        "one",
        "two",
        "three",
    ]


async def test_a_message_that_is_sent_again_counts_once(served, open_tab):
    """The room knows it by its id."""
    tab = await open_tab("tea")
    await tab.receive_json()
    first = {"id": "0b1d7a52-3d5c-4d2e-8a39-7f6f7a0c5c11", "text": "one"}
    last = {"id": "0b1d7a52-3d5c-4d2e-8a39-7f6f7a0c5c12", "text": "two"}

    for message in (first, first, last):
        await tab.send(json.dumps(message))
    heard = [await tab.receive_json() for _ in range(2)]

    assert [frame["messages"] for frame in heard] == [[first], [last]]


async def test_a_refused_client_does_not_come_back(refusing):
    """After one of the room's own codes nothing keeps Node running."""
    process = await render(refusing, "secret")
    process.stdin.close()
    try:
        async with asyncio.timeout(DEADLINE):
            status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert status == 0
    refusing.printed("/parties/chat/secret")
