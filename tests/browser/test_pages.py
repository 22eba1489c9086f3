"""The other pages: front, counter, admin, browsable API."""

import pytest
from playwright.async_api import expect

from tests.browser.pages import ChatPage, log_in


async def test_the_front_page_opens_rooms_and_lists_them(visit, room_id, keep):
    """A form makes a room by its name; the list then leads back to it."""
    page = await visit("/", name="Ada")
    await page.get_by_label("Chat room", exact=True).fill(room_id)
    await page.get_by_label("Chat room", exact=True).press("Enter")
    await ChatPage(page).is_connected()

    await page.get_by_role("link", name="partyrooms").click()
    await keep(page, "front", full_page=True)
    await page.get_by_role("link", name=room_id, exact=True).click()

    await ChatPage(page).is_connected()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_the_front_page_fits_every_screen(visit, keep, scheme, width):
    """No scrolling to the side, in light and in dark."""
    page = await visit(
        "/", color_scheme=scheme, viewport={"width": width, "height": 900}
    )

    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await keep(page, f"front-{scheme}-{width}", full_page=True)


async def test_a_name_with_html_and_slashes_is_harmless(visit):
    """Room ids are shown as text; a name that no room can have leads to no room."""
    page = await visit("/", name="Ada")
    name = "<b>50% & more?#"

    await page.get_by_label("Chat room", exact=True).fill(name)
    await page.get_by_label("Chat room", exact=True).press("Enter")
    await ChatPage(page).is_connected()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)
    await page.goto("/")
    await page.get_by_role("link", name=name, exact=True).click()
    await ChatPage(page).is_connected()
    await page.goto("/chat/?room=no%2Fslash")

    await expect(page.get_by_label("Chat room", exact=True)).to_be_visible()


async def test_the_counter_counts_by_websocket_and_by_http(visit, room_id, keep):
    """Both buttons change one number, in every browser."""
    first = await visit(f"/counter/{room_id}/")
    second = await visit(f"/counter/{room_id}/")
    await expect(first.get_by_label("Count", exact=True)).to_have_text("0")
    await expect(second.get_by_label("Count", exact=True)).to_have_text("0")

    await first.get_by_role("button", name="WebSocket").click()
    await expect(second.get_by_label("Count", exact=True)).to_have_text("1")
    await second.get_by_role("button", name="HTTP").click()

    await expect(first.get_by_label("Count", exact=True)).to_have_text("2")
    await expect(second.get_by_label("Count", exact=True)).to_have_text("2")
    await keep(first, "counter")


async def test_server_sent_events_follow_the_counter(server, visit, room_id, keep):
    """On request, beside the WebSocket; they are back after a restart by themselves."""
    page = await visit(f"/counter/{room_id}/")
    followed = page.get_by_label("Count by server-sent events")
    await page.get_by_role("button", name="Follow").click()
    await expect(followed).to_have_text("0")

    await page.get_by_role("button", name="HTTP").click()
    await expect(followed).to_have_text("1")
    await keep(page, "counter-followed")
    await server.restart()
    await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    await page.get_by_role("button", name="WebSocket").click()

    await expect(followed).to_have_text("2")
    await page.get_by_role("button", name="Follow").click()
    await expect(followed).to_be_empty()


async def test_a_user_who_is_logged_in_counts_as_well(visit, room_id, admin):
    """The page sends the CSRF token that session authentication asks for."""
    page = await visit("/")
    await log_in(page, *admin)
    await page.goto(f"/counter/{room_id}/")
    await expect(page.get_by_label("Count", exact=True)).to_have_text("0")

    await page.get_by_role("button", name="WebSocket").click()
    await expect(page.get_by_label("Count", exact=True)).to_have_text("1")
    await page.get_by_role("button", name="HTTP").click()

    await expect(page.get_by_label("Count", exact=True)).to_have_text("2")


async def test_the_admin_shows_a_room_and_what_it_stores(visit, room_id, admin, keep):
    """Its row is in the list, its entries on its own page."""
    page = await visit(f"/chat/{room_id}/", name="Ada")
    await ChatPage(page).say("for the record")
    await ChatPage(page).shows(["for the record"])

    await log_in(page, *admin)
    await page.get_by_role("link", name="Rooms", exact=True).click()
    await page.get_by_role("link", name=f"chat/{room_id}").click()

    await expect(page.get_by_text("for the record")).to_be_visible()
    await keep(page, "admin")


async def test_a_room_answers_a_browser_with_the_browsable_api(visit, room_id, keep):
    """The same URL that is JSON for a bot is a page for a browser."""
    page = await visit(f"/chat/{room_id}/", name="Ada")
    await ChatPage(page).say("hello, browser")
    await ChatPage(page).shows(["hello, browser"])

    await page.goto(f"/parties/chat/{room_id}")

    await expect(page.get_by_text("HTTP 200 OK")).to_be_visible()
    await expect(page.get_by_text("hello, browser")).to_be_visible()
    await keep(page, "browsable-api")
