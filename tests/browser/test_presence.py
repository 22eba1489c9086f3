"""The building's page in two browsers at once."""

from playwright.async_api import expect

PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True}


def people(page, place):
    """Who is shown in a place."""
    card = page.locator(".place").filter(has=page.get_by_role("heading", name=place))
    return card.locator("bdi")


async def test_each_sees_where_the_others_are(visit, room_id, keep):
    """Going in, moving on, leaving, and closing the page; all without a word."""
    ada = await visit(f"/building/{room_id}/", name="Ada")
    bob = await visit(f"/building/{room_id}/", name="Bob", color_scheme="dark")

    await ada.get_by_role("button", name="Go into Kitchen").click()
    await bob.get_by_role("button", name="Go into Kitchen").press("Enter")
    await expect(people(bob, "Kitchen")).to_have_text(["Ada", "Bob"])
    await bob.get_by_label("Another place").fill("<b>Roof")
    await bob.get_by_label("Another place").press("Enter")

    await expect(people(ada, "Kitchen")).to_have_text(["Ada"])
    await expect(people(ada, "<b>Roof")).to_have_text(["Bob"])
    await keep(ada, "presence-light")
    await keep(bob, "presence-dark")
    await bob.get_by_role("button", name="Leave").click()
    await expect(people(ada, "<b>Roof")).to_have_count(0)
    await bob.get_by_role("button", name="Go into Garden").click()
    await expect(people(ada, "Garden")).to_have_text(["Bob"])
    await bob.close()
    await expect(people(ada, "Garden")).to_have_count(0)


async def test_a_reload_and_a_restart_change_nothing(server, visit, room_id):
    """Whoever was somewhere is there again; who did not come back is not."""
    ada = await visit(f"/building/{room_id}/", name="Ada")
    bob = await visit(f"/building/{room_id}/", name="Bob")
    await ada.get_by_role("button", name="Go into Library").click()
    await bob.get_by_role("button", name="Go into Library").click()
    await expect(people(ada, "Library")).to_have_text(["Ada", "Bob"])

    await server.kill()
    await bob.close()
    await server.start()
    await expect(people(ada, "Library")).to_have_text(["Ada"])
    await ada.reload()

    await expect(people(ada, "Library")).to_have_text(["Ada"])


async def test_a_new_name_is_seen_at_once(visit, room_id):
    """It is changed without leaving the place."""
    ada = await visit(f"/building/{room_id}/", name="Ada")
    bob = await visit(f"/building/{room_id}/", name="Bob")
    await ada.get_by_role("button", name="Go into Garden").click()

    await ada.get_by_label("Your name").fill("Grace")
    await ada.get_by_label("Your name").press("Enter")

    await expect(people(bob, "Garden")).to_have_text(["Grace"])


async def test_the_building_fits_a_phone(visit, room_id, keep, fits):
    """A long name is cut, not the page widened."""
    page = await visit(f"/building/{room_id}/", name="W" * 24, **PHONE)
    await page.get_by_role("button", name="Go into Kitchen").click()
    await expect(people(page, "Kitchen")).to_have_count(1)

    await fits(page)
    await keep(page, "presence-phone")
