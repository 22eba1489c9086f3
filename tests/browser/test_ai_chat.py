"""The AI chat's page in two browsers at once."""

import pytest
from playwright.async_api import expect

from tests.browser.pages import ChatPage

PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True}


@pytest.fixture
async def join(visit, room_id):
    """Join the test's room under a name."""

    async def join(name, **options):
        chat = ChatPage(await visit(f"/ai-chat/{room_id}/", name=name, **options))
        await chat.is_connected()
        return chat

    return join


def robot(chat):
    """The robot's messages."""
    return chat.log.locator(".robot .text")


def complete(chat):
    """Those of them that have come to their end."""
    return chat.log.locator(".robot[aria-busy=false] .text")


async def test_the_robot_answers_both_while_they_talk_on(join, keep):
    """Both see the same words, and what was said meanwhile below them."""
    ada, bob = await join("Ada"), await join("Bob", color_scheme="dark")

    await ada.say("What are you?")
    await expect(robot(bob)).to_contain_text("What are you?")
    await bob.say("Look, it speaks.")
    await expect(ada.messages()).to_have_count(3)
    await keep(ada.page, "ai-chat-speaking")

    await expect(complete(ada)).to_have_count(2)
    await expect(complete(bob)).to_have_count(2)
    said = await ada.messages().all_text_contents()
    assert said[0] == "What are you?"
    assert said[2] == "Look, it speaks."
    await bob.shows([" ".join(text.split()) for text in said])
    await keep(bob.page, "ai-chat-dark")
    await ada.page.reload()
    await ada.shows([" ".join(text.split()) for text in said])
    await expect(robot(ada)).to_have_count(2)


async def test_an_answer_that_a_crash_broke_off_is_begun_anew(server, join):
    """Half an answer is not kept, the question is."""
    ada = await join("Ada")
    await ada.say("Are you there?")
    await expect(robot(ada)).to_contain_text("“Are")

    await server.kill()
    await server.start()

    await expect(complete(ada)).to_have_count(1)
    await expect(ada.messages()).to_have_count(2)


async def test_the_page_fits_a_phone(join, keep, fits):
    """It is the chat's own."""
    ada = await join("Ada", **PHONE)
    await ada.say("Hello?")
    await expect(complete(ada)).to_have_count(1)

    await fits(ada.page)
    await keep(ada.page, "ai-chat-phone")
