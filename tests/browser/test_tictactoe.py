"""The table's page: two players, each in a browser of their own, and a spectator."""

from playwright.async_api import expect

PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True}


def cell(page, number):
    """One of the nine, counted from 0, row by row."""
    row, column = divmod(number, 3)
    return page.get_by_label(f"Row {row + 1}, column {column + 1}")


async def shows(page, number, mark):
    """Wait until a cell has a mark."""
    await expect(cell(page, number)).to_have_attribute("data-mark", mark)


async def sit(page, mark):
    """Take a seat."""
    await page.locator(f"#{mark}").click()
    await expect(page.locator(f"#{mark}")).to_contain_text("You")


async def test_two_play_and_a_third_looks_on(visit, room_id, keep):
    """Each sees the other's moves; only whose turn it is can move."""
    ada = await visit(f"/tictactoe/{room_id}/")
    bob = await visit(f"/tictactoe/{room_id}/", color_scheme="dark")
    eve = await visit(f"/tictactoe/{room_id}/")
    await sit(ada, "X")
    await sit(bob, "O")
    await expect(eve.get_by_text("1 looks on")).to_be_visible()
    await expect(eve.locator("#X")).to_be_disabled()

    for page, number, mark in [(ada, 4, "X"), (bob, 0, "O"), (ada, 2, "X")]:
        await cell(page, number).click()
        for other in (ada, bob, eve):
            await shows(other, number, mark)
    await expect(bob.get_by_text("Your turn")).to_be_visible()
    await keep(bob, "tictactoe-dark")
    await cell(bob, 1).press("Enter")
    await shows(ada, 1, "O")
    await cell(ada, 3).focus()
    await ada.keyboard.press("ArrowDown")
    await ada.keyboard.press("Enter")

    await expect(ada.get_by_text("You win!")).to_be_visible()
    await expect(eve.get_by_text("X wins")).to_be_visible()
    await keep(ada, "tictactoe-won")
    await bob.get_by_role("button", name="Play again").click()
    await shows(eve, 4, ".")


async def test_seats_and_game_are_there_after_a_restart_and_a_reload(
    server, visit, room_id
):
    """The page sits down again by itself."""
    ada = await visit(f"/tictactoe/{room_id}/")
    bob = await visit(f"/tictactoe/{room_id}/")
    await sit(ada, "X")
    await sit(bob, "O")
    await cell(ada, 4).click()
    await shows(bob, 4, "X")

    await server.kill()
    await server.start()
    await ada.reload()

    await shows(ada, 4, "X")
    await expect(ada.locator("#X")).to_contain_text("You")
    await expect(bob.get_by_text("Your turn")).to_be_visible()
    await cell(bob, 8).click()
    await shows(ada, 8, "O")


async def test_one_browser_plays_against_itself_in_two_tabs(visit, room_id):
    """A seat is the tab's, though both have one session."""
    one = await visit(f"/tictactoe/{room_id}/")
    two = await one.context.new_page()
    await two.goto(f"/tictactoe/{room_id}/")
    await sit(one, "X")
    await sit(two, "O")

    await cell(one, 0).click()
    await shows(two, 0, "X")
    await cell(two, 8).click()

    await shows(one, 8, "O")


async def test_the_table_fits_a_phone(visit, room_id, keep, fits):
    """All nine cells can be reached."""
    page = await visit(f"/tictactoe/{room_id}/", **PHONE)
    await sit(page, "X")
    await cell(page, 8).click()
    await shows(page, 8, "X")

    await fits(page)
    await keep(page, "tictactoe-phone")
