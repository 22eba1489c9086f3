"""What people do and see on the demo's pages."""

from collections.abc import Sequence

from playwright.async_api import Locator, Page, expect


class ChatPage:
    """A chat room's page, as whoever opened it uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.field = page.get_by_label("Message", exact=True)
        self.log = page.get_by_role("log")
        self.people = page.locator("#people li")
        self.pending = page.get_by_label("Not sent yet").get_by_role("listitem")
        self.status = page.get_by_role("status")

    async def say(self, *texts: str) -> None:
        """Type messages, each with Enter at its end."""
        for text in texts:
            await self.field.fill(text)
            await self.field.press("Enter")

    def messages(self) -> Locator:
        """What has been said, oldest first."""
        return self.log.locator(".text")

    async def shows(self, texts: Sequence[str]) -> None:
        """Wait until exactly this has been said."""
        await expect(self.messages()).to_have_text(list(texts))

    async def is_connected(self) -> None:
        """Wait for the connection."""
        await expect(self.status).to_have_text("Connected")


async def log_in(page: Page, name: str, password: str) -> None:
    """Use Django's own form; the page is somewhere in the admin afterwards."""
    await page.goto("/admin/")
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()
    await expect(
        page.get_by_role("heading", name="Site administration")
    ).to_be_visible()
