"""The poll's page in two browsers at once."""

import httpx
from playwright.async_api import expect

from tests.deadline import DEADLINE

PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True}


def option(page, text):
    """One of the answers that can be voted for."""
    return page.locator("#options").get_by_role("button", name=text)


async def ask(page, question, *options):
    """Fill in the form, by keyboard, and open the poll."""
    await page.get_by_label("Question").fill(question)
    await page.get_by_label("Answers").fill("\n".join(options))
    await page.get_by_label("Question").press("Enter")


async def test_a_vote_in_one_browser_is_counted_in_the_other(visit, room_id, keep):
    """Each has one vote; it can be changed, and a reload shows it."""
    ada = await visit(f"/poll/{room_id}/")
    bob = await visit(f"/poll/{room_id}/", color_scheme="dark")
    await keep(ada, "poll-ask")
    await ask(ada, "Lunch?", "Pizza", "Soup", "<b>Salad</b>")
    await expect(bob.get_by_role("heading", name="Lunch?")).to_be_visible()

    await option(ada, "Pizza").click()
    await expect(option(bob, "Pizza")).to_contain_text("1")
    await option(bob, "Pizza").press("Enter")
    await expect(option(ada, "Pizza")).to_contain_text("2")
    await option(bob, "<b>Salad</b>").click()

    for page in (ada, bob):
        await expect(option(page, "Pizza")).to_contain_text("1")
        await expect(option(page, "<b>Salad</b>")).to_contain_text("1")
        await expect(page.get_by_text("2 votes")).to_be_visible()
    await bob.reload()
    await expect(option(bob, "Salad")).to_have_attribute("aria-pressed", "true")
    await expect(option(bob, "Pizza")).to_have_attribute("aria-pressed", "false")
    await expect(bob.locator("#options b")).to_have_count(0)
    await keep(ada, "poll-light")
    await keep(bob, "poll-dark")


async def test_the_poll_outlives_the_server(server, visit, room_id):
    """The page comes back by itself and votes on."""
    ada = await visit(f"/poll/{room_id}/")
    await ask(ada, "Lunch?", "Pizza", "Soup")
    await option(ada, "Pizza").click()
    await expect(option(ada, "Pizza")).to_contain_text("1")

    await server.kill()
    await server.start()

    await expect(ada.get_by_role("status")).to_have_text("Connected")
    await option(ada, "Soup").click()
    await expect(option(ada, "Soup")).to_have_attribute("aria-pressed", "true")
    await expect(ada.get_by_text("1 vote")).to_be_visible()


async def test_votes_of_a_bot_count_and_a_refusal_is_told(server, visit, room_id):
    """A poll that is open already is not replaced; the page says why."""
    ada = await visit(f"/poll/{room_id}/")
    url = f"{server.http_url}/parties/poll/{room_id}"
    lunch = {"question": "Lunch?", "options": ["Pizza", "Soup"]}

    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as bot:
        await ada.get_by_label("Question").wait_for()
        await ada.get_by_label("Answers").fill("only one")
        await ada.get_by_role("button", name="Open the poll").click()
        await expect(ada.get_by_role("alert")).to_contain_text("at least 2")
        asked = await bot.post(url, json=lunch)
        refused = await bot.post(url, json=lunch)
        await bot.get(f"{server.http_url}/poll/{room_id}/")  # who votes, and a token
        token = {"X-CSRFToken": bot.cookies["csrftoken"]}
        voted = await bot.post(f"{url}/votes", json={"option": 1}, headers=token)

    assert [asked.status_code, refused.status_code] == [200, 400]
    assert voted.json()["yours"] == 1
    await expect(option(ada, "Soup")).to_contain_text("1")


async def test_the_poll_fits_a_phone(visit, room_id, keep, fits):
    """The form as well as its result, with a word that is too long."""
    page = await visit(f"/poll/{room_id}/", **PHONE)
    await page.get_by_label("Question").wait_for()
    await fits(page)

    await ask(page, "Which?", "W" * 60, "Soup")
    await option(page, "Soup").click()

    await expect(option(page, "Soup")).to_contain_text("1")
    await fits(page)
    await keep(page, "poll-phone")
