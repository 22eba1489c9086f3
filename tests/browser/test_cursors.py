"""The cursors' page in two browsers at once."""

from playwright.async_api import expect

PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True}


def pointer(page, *, mine):
    """A page's own pointer on its canvas, or somebody else's."""
    return page.locator(".cursor.mine" if mine else ".cursor:not(.mine)")


async def place_of(cursor):
    """From 0 to 1, across and down."""
    return await cursor.evaluate(
        "({style}) => [style.getPropertyValue('--x'), style.getPropertyValue('--y')]"
        ".map(Number)"
    )


async def test_each_sees_the_others_pointer_where_it_is(visit, room_id, keep):
    """By mouse on a large screen and by keyboard on another one; who leaves is gone."""
    ada = await visit(f"/cursors/{room_id}/")
    bob = await visit(f"/cursors/{room_id}/", color_scheme="dark")
    for page in (ada, bob):
        await expect(page.get_by_role("status")).to_have_text("Connected")

    await ada.get_by_label("Canvas").hover(position={"x": 300, "y": 200})
    await bob.get_by_label("Canvas").focus()
    await bob.keyboard.press("ArrowRight")

    await expect(pointer(ada, mine=False)).to_have_count(1)
    await expect(pointer(bob, mine=False)).to_have_count(1)
    assert await place_of(pointer(ada, mine=False)) == [0.52, 0.5]
    mine = await place_of(pointer(ada, mine=True))
    theirs = await place_of(pointer(bob, mine=False))
    assert [round(part, 3) for part in theirs] == [round(part, 3) for part in mine]
    await expect(ada.get_by_text("1 other")).to_be_visible()
    await keep(ada, "cursors-light")
    await keep(bob, "cursors-dark")
    await bob.close()
    await expect(pointer(ada, mine=False)).to_have_count(0)


async def test_pointers_are_there_again_after_a_restart(server, visit, room_id):
    """Nothing is stored: each page says anew where its pointer is."""
    ada = await visit(f"/cursors/{room_id}/")
    bob = await visit(f"/cursors/{room_id}/")
    for page in (ada, bob):
        await expect(page.get_by_role("status")).to_have_text("Connected")
        await page.get_by_label("Canvas").hover(position={"x": 200, "y": 100})
        await page.bring_to_front()
    await expect(pointer(ada, mine=False)).to_have_count(1)

    await server.restart()

    for page in (ada, bob):
        await expect(page.get_by_role("status")).to_have_text("Connected")
        await expect(pointer(page, mine=False)).to_have_count(1)


async def test_the_canvas_fits_a_phone(visit, room_id, keep, fits):
    """A finger moves the pointer, and nothing scrolls."""
    page = await visit(f"/cursors/{room_id}/", **PHONE)
    await expect(page.get_by_role("status")).to_have_text("Connected")
    await keep(page, "cursors-phone-empty")

    await page.touchscreen.tap(280, 560)

    await fits(page)
    await keep(page, "cursors-phone")
