"""The chat's page in two browsers at once."""

import signal

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.pages import ChatPage
from tests.deadline import DEADLINE


@pytest.fixture
async def join(visit, room_id):
    """Join the test's room under a name."""

    async def join(name, **options):
        chat = ChatPage(await visit(f"/chat/{room_id}/", name=name, **options))
        await chat.is_connected()
        return chat

    return join


async def test_a_message_typed_in_one_browser_appears_in_the_other(join, keep):
    """Both see what both say, who is here, and who has left."""
    ada, bob = await join("Ada"), await join("Bob", color_scheme="dark")

    await ada.say("Is anyone here?")
    await bob.shows(["Is anyone here?"])
    await bob.say("I am.")

    for chat in (ada, bob):
        await chat.shows(["Is anyone here?", "I am."])
        await expect(chat.people).to_contain_text(["Ada", "Bob"])
        await expect(chat.pending).to_have_count(0)
    await keep(ada.page, "chat-light")
    await keep(bob.page, "chat-dark")
    await bob.page.close()
    await expect(ada.people).to_have_count(1)


async def test_a_reload_shows_the_history(join):
    """What was said is there again, once, with its author."""
    ada = await join("Ada")
    await ada.say("one", "two")
    await ada.shows(["one", "two"])

    await ada.page.reload()

    await ada.shows(["one", "two"])
    await expect(ada.log.locator("bdi")).to_have_text(["Ada", "Ada"])


async def test_a_server_restart_heals_without_a_click(server, join):
    """
    After kill -9 both pages come back, and what was typed meanwhile arrives.

    In order, once, and in spite of the room's message_rate.
    """
    ada, bob = await join("Ada"), await join("Bob")
    await ada.say("before")
    await bob.shows(["before"])
    meanwhile = [f"while down {number}" for number in range(30)]

    server.send_signal(signal.SIGKILL)
    for chat in (ada, bob):
        await expect(chat.status).to_have_text("Reconnecting")
    await ada.say(*meanwhile)
    await expect(ada.pending).to_have_count(len(meanwhile))
    await server.kill()
    await server.start()

    for chat in (ada, bob):
        await chat.shows(["before", *meanwhile])
        await chat.is_connected()
        await expect(chat.people).to_contain_text(["Ada", "Bob"])
    await expect(ada.pending).to_have_count(0)


async def test_html_in_names_and_messages_is_shown_as_text(join):
    """Nothing that people write becomes part of the page."""
    name, text = "<img src=x onerror=a()>", "<script>alert(1)</script><b>bold</b>"
    eve, ada = await join(name), await join("Ada")

    await eve.say(text)

    for chat in (eve, ada):
        await chat.shows([text])
        await expect(chat.log.locator("bdi")).to_have_text([name])
        await expect(chat.people).to_contain_text([name, "Ada"])
        await expect(chat.page.locator("main :is(b, img, script)")).to_have_count(0)


async def test_a_name_is_asked_for_once_and_can_be_changed(visit, room_id):
    """By keyboard alone; it is kept in the browser for the next visit."""
    chat = ChatPage(await visit(f"/chat/{room_id}/"))
    keyboard = chat.page.keyboard

    await expect(chat.page.get_by_label("Your name")).to_be_focused()
    await keyboard.type("Grace")
    await keyboard.press("Enter")
    await chat.is_connected()
    await expect(chat.field).to_be_focused()
    await keyboard.type("first line")
    await keyboard.press("Shift+Enter")
    await keyboard.type("second line")
    await keyboard.press("Enter")
    await chat.shows(["first line second line"])
    await chat.page.reload()
    await expect(chat.people).to_have_text(["GGrace"])
    await chat.page.get_by_role("button", name="Change your name").click()
    await keyboard.press("ControlOrMeta+A")
    await keyboard.type("Hopper")
    await keyboard.press("Enter")

    await expect(chat.people).to_have_text(["HHopper"])


async def test_a_bot_speaks_over_http(server, join, room_id):
    """POST says something; what is no message is refused with 400."""
    ada = await join("Ada")
    url = f"{server.http_url}/parties/chat/{room_id}"

    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as bot:
        said = await bot.post(url, json={"name": "Bot", "text": "Build 12 is done."})
        refused = await bot.post(url, json={"text": "x" * 1001})
        read = await bot.get(url)

    assert (said.status_code, refused.status_code) == (200, 400)
    await ada.shows(["Build 12 is done."])
    assert [each["name"] for each in read.json()["messages"]] == ["Bot"]


async def test_the_page_fits_a_phone(join, keep):
    """Nothing is wider than the smallest screen; the field can be reached."""
    ada = await join("Ada", viewport={"width": 320, "height": 640}, is_mobile=True)

    await ada.say("w" * 300, "and a short one")
    await ada.shows(["w" * 300, "and a short one"])

    width = await ada.page.evaluate("document.documentElement.scrollWidth")
    assert width == 320
    await expect(ada.field).to_be_in_viewport(ratio=1)
    await keep(ada.page, "chat-phone")
