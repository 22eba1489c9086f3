"""The demo under Daphne, which serves ``runserver``."""

import pytest

from tests.browser.pages import ChatPage


@pytest.fixture(scope="module")
def kind():
    """As ``make demo`` does."""
    return "daphne"


async def test_two_browsers_chat_and_a_restart_heals(server, visit, room_id):
    """The short way through it all: both directions, then SIGTERM and a new start."""
    ada = ChatPage(await visit(f"/chat/{room_id}/", name="Ada"))
    bob = ChatPage(await visit(f"/chat/{room_id}/", name="Bob"))
    await ada.say("ping")
    await bob.shows(["ping"])

    await server.restart()
    await bob.say("pong")

    await ada.shows(["ping", "pong"])
    await bob.shows(["ping", "pong"])
